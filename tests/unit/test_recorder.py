"""The recorder behaves as the engine does where a preview depends on it."""

import traceback

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_openstack as openstack
import pulumi_random as random
import pytest
from pulumi_openstack import compute, networking

from preview.recorder import ProgramError, Recorder
from preview.run import run
from recording import SECRET, UNKNOWN
from tests.support.programs import named, only_by, record_component


class Outer(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Outer", name, {}, opts)
        Inner(f"{name}-inner", pulumi.ResourceOptions(parent=self))
        self.register_outputs({"answer": 42})


class Inner(pulumi.ComponentResource):
    def __init__(self, name: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("test:index:Inner", name, {}, opts)
        networking.Network(f"{name}-network", opts=pulumi.ResourceOptions(parent=self))
        self.register_outputs({})


def test_urns_have_the_full_chain_of_parents():
    recording = record_component(lambda opts: Outer("a", opts))
    urns = {resource.name: resource.urn for resource in recording.resources}
    assert (
        urns["a-inner-network"]
        == "urn:pulumi:test::gaia-dmp::test:index:Outer$test:index:Inner$openstack:networking/network:Network::a-inner-network"
    )
    assert named(recording, "a-inner-network").parent == urns["a-inner"]


def test_registered_outputs_are_recorded():
    recording = record_component(lambda opts: Outer("a", opts))
    assert [r.outputs for r in recording.resources if r.name == "a"] == [{"answer": 42}]


def test_a_parent_stands_before_its_children():
    recording = record_component(lambda opts: Outer("a", opts))
    seen = {""}
    for resource in recording.resources:
        assert resource.parent in seen
        seen.add(resource.urn)


def test_no_registration_carries_a_call_stack_and_a_programs_own_is_whole(monkeypatch):
    """To take one for each takes longer than all that the recorder does itself."""
    frames, own = [], []
    register = Recorder.RegisterResource

    def noted(self, request):
        frames.append(len(request.stackTrace.frames))
        return register(self, request)

    monkeypatch.setattr(Recorder, "RegisterResource", noted)

    def program(opts: pulumi.ResourceOptions) -> None:
        own.extend(frame.name for frame in traceback.extract_stack())
        Outer("a", opts)

    record_component(program)
    assert len(frames) > 4
    assert set(frames) == {0}
    assert own[-1] == "program"
    assert len(own) > 5


def test_two_resources_of_one_urn_are_refused():
    def program(opts: pulumi.ResourceOptions) -> None:
        Outer("a", opts)
        Outer("a", opts)

    with pytest.raises(ProgramError, match="duplicate resource URN"):
        record_component(program)


def test_a_resource_without_a_provider_of_its_own_is_refused():
    with pytest.raises(ProgramError, match="default providers are disabled"):
        run(lambda: networking.Network("n") and None, "test", config={})


def test_a_query_that_the_table_does_not_know_is_refused():
    def program() -> None:
        provider = openstack.Provider("openstack")
        compute.get_flavor_output(name="x", opts=pulumi.InvokeOptions(provider=provider))

    with pytest.raises(ProgramError, match="no answer is known offline"):
        run(program, "test", config={})


@pytest.mark.parametrize(("mode", "shown"), [("preview", UNKNOWN), ("update", "198.51.100.10")])
def test_what_the_cloud_decides_is_unknown_in_preview(mode, shown):
    def program() -> None:
        provider = openstack.Provider("openstack")
        address = networking.FloatingIp("ip", pool="public", opts=pulumi.ResourceOptions(provider=provider))
        pulumi.export("address", address.address)
        pulumi.export("pool", address.pool)

    recording = run(program, "test", mode=mode, config={})
    assert recording.outputs == {"address": shown, "pool": "public"}


@pytest.mark.parametrize("mode", ["preview", "update"])
def test_outputs_that_a_provider_calls_secret_are_masked(mode):
    def program() -> None:
        provider = random.Provider("random")
        password = random.RandomPassword("p", length=24, opts=pulumi.ResourceOptions(provider=provider))
        pulumi.export("password", password.result)

    recording = run(program, "test", mode=mode, config={})
    assert named(recording, "p").outputs["result"] == SECRET
    if mode == "update":
        assert recording.outputs["password"] == SECRET


def test_secret_paths_say_where_secrets_stand():
    def program() -> None:
        kubernetes.Provider("k", kubeconfig=pulumi.Output.secret("PLAIN"))

    resource = named(run(program, "test", config={}), "k")
    assert resource.secret_paths == ["kubeconfig"]
    assert resource.inputs["kubeconfig"] == SECRET


def test_an_output_in_a_text_is_an_error():
    def program() -> None:
        provider = openstack.Provider("openstack")
        network = networking.Network("n", opts=pulumi.ResourceOptions(provider=provider))
        pulumi.export("wrong", f"{network.id}")

    with pytest.raises(Exception, match="Calling __str__ on an Output"):
        run(program, "test", config={})


def test_one_run_leaves_nothing_to_the_next():
    first = record_component(lambda opts: Outer("a", opts))
    second = record_component(lambda opts: Outer("a", opts))
    assert first.to_json() == second.to_json()


def test_kubernetes_objects_without_a_name_get_one():
    def program(opts: pulumi.ResourceOptions) -> None:
        kubernetes.core.v1.ConfigMap("files", data={"a": "b"}, opts=only_by(kubernetes.Provider, opts))

    assert named(record_component(program), "files").inputs["metadata"]["name"].startswith("files-")
