"""The wrong cloud is refused before anything but the provider itself is registered."""

from collections.abc import Callable
from typing import Any

import grpc
import pulumi
import pytest
from pulumi_openstack import networking

from components.openstack.project import openstack_project
from preview import recorder
from preview.run import run
from settings.values.cloud import OpenStackProject
from tests.support.programs import record_data
from tests.support.stack_files import document

PROJECT = OpenStackProject(project="iris-gaia-red", clouds_yaml="red")


def program() -> None:
    provider = openstack_project("openstack", PROJECT, "cloud.project").provider
    networking.Network("network", opts=pulumi.ResourceOptions(provider=provider))


def answering(monkeypatch: pytest.MonkeyPatch, answer: Callable[[Any], dict[str, Any]]) -> list[str]:
    """Let the identity service answer otherwise; returns the types that get registered."""
    registered: list[str] = []
    register = recorder.Recorder.RegisterResource

    def counting(self: Any, request: Any) -> Any:
        registered.append(request.type)
        return register(self, request)

    monkeypatch.setattr(recorder, "QUERIES", dict(recorder.QUERIES) | {"openstack:identity/getAuthScope:getAuthScope": answer})
    monkeypatch.setattr(recorder.Recorder, "RegisterResource", counting)
    return registered


def test_the_right_project_goes_on():
    recording = run(program, "test", config={})
    assert len(recording.of_type("openstack:networking/network:Network")) == 1


@pytest.mark.parametrize(
    "scope", [{"projectName": "other", "projectId": "iris-gaia-red"}, {"projectName": "iris-gaia-red", "projectId": "1"}]
)
def test_project_may_be_named_by_name_or_id(monkeypatch, scope):
    answering(monkeypatch, lambda _args: scope)
    assert len(run(program, "test", config={}).of_type("openstack:networking/network:Network")) == 1


def test_another_project_registers_nothing(monkeypatch):
    registered = answering(monkeypatch, lambda _args: {"projectName": "iris-gaia-blue", "projectId": "4711"})
    with pytest.raises(pulumi.RunError) as caught:
        run(program, "test", config={})
    message = str(caught.value)
    for words in ("gaia-dmp:cloud.project: iris-gaia-red", "iris-gaia-blue (4711)", "nothing was registered", "gaia-dmp:cloud.clouds_yaml"):
        assert words in message
    assert registered == ["pulumi:pulumi:Stack", "pulumi:providers:openstack"]


def test_every_credential_of_a_stack_is_asked_before_anything_is_made(monkeypatch):
    data = document("prod")
    store = {"project": "other", "clouds_yaml": "other", "endpoint": "https://s3.example.org", "buckets": [{"name": "results"}]}
    data["gaia-dmp:object_store"] = store
    registered = answering(
        monkeypatch, lambda args: {"projectName": "elsewhere" if args["name"] == "other" else args["name"], "projectId": "1"}
    )
    with pytest.raises(pulumi.RunError, match=r"gaia-dmp:object_store\.project: other"):
        record_data(data)
    assert set(registered) == {"pulumi:pulumi:Stack", "pulumi:providers:openstack"}


def test_a_credential_that_does_not_open_is_told_as_such(monkeypatch):
    class Refused(grpc.RpcError):
        """What the engine answers where a provider cannot be configured."""

        def code(self) -> grpc.StatusCode:
            return grpc.StatusCode.UNKNOWN

        def details(self) -> str:
            return "Authentication failed"

    def refused(_args: Any) -> dict[str, Any]:
        raise Refused

    answering(monkeypatch, refused)
    with pytest.raises(pulumi.RunError, match=r"the credential was not accepted[^$]*Authentication failed"):
        run(program, "test", config={})
