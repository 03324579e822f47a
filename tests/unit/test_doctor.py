"""What the doctor says without a cloud: room in a quota, versions, the table. tests/openstack/test_doctor.py has the rest."""

import datetime as dt
import io
from types import SimpleNamespace
from typing import Any, cast

import pytest
from openstack.compute.v2.flavor import Flavor
from rich.console import Console

from cli.main import main
from doctor import cluster, credentials, gpus, machines, projects, quotas
from doctor.table import show
from doctor.visit import Finding, Visit
from settings.values.cloud import OpenStackCloud, OpenStackProject
from tests.support.stack_files import STACKS, changed, document, settings_of, with_gpus, with_machines


@pytest.mark.parametrize(
    ("limit", "used", "verdict"),
    [(-1, 500, "ok"), (100, 80, "ok"), (100, 85, "unknown"), (100, 89, "unknown"), (100, 91, "bad"), (0, 0, "bad")],
)
def test_room_is_wanted_for_the_idle_stack_and_better_for_the_full_one(limit: int, used: int, verdict: str) -> None:
    found = quotas.room("quota", limit, used, idle=10, full=20)
    assert found.verdict == verdict
    assert bool(found.fix) == (verdict != "ok")


@pytest.mark.parametrize(
    ("found", "stated", "same"),
    [
        ("1.35.4", "1.35.4", True),
        ("1.35.4", "1.35", True),
        ("1.35.4", "1.35.3", False),
        ("1.3.5", "1.35", False),
        ("1.36.4", "1.35", False),
    ],
)
def test_a_version_may_be_stated_without_its_patch_number(found: str, stated: str, same: bool) -> None:  # noqa: FBT001 - a table
    assert cluster.same_version(found, stated) is same


def test_the_end_of_every_version_that_a_stack_file_states_is_known() -> None:
    stated = {".".join(settings_of(document(stack)).cloud.kubernetes_version.split(".")[:2]) for stack in STACKS}
    assert stated <= cluster.END_OF_LIFE.keys()
    assert list(cluster.END_OF_LIFE.values()) == sorted(cluster.END_OF_LIFE.values())
    assert min(later - earlier for earlier, later in zip(*_neighbours(), strict=True)) > dt.timedelta(days=90)


def _neighbours() -> tuple[list[dt.date], list[dt.date]]:
    dates = list(cluster.END_OF_LIFE.values())
    return dates[:-1], dates[1:]


def test_the_table_has_a_mark_a_subject_and_a_fix_for_each() -> None:
    text = io.StringIO()
    findings = [
        Finding("Neutron", "ok", "answers"),
        Finding("flavour x", "bad", "is not there", "another"),
        Finding("y", "unknown", "?", "ask"),
    ]
    show(findings, Console(file=text, width=100))
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    assert lines[0].split() == ["✓", "Neutron", "answers"]
    assert lines[2].strip() == "fix: another"
    assert lines[-1] == "1 fine, 1 wrong, 1 to check yourself"


def test_a_broken_stack_file_is_refused_before_any_cloud_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "no-such-stack"]) == 1
    assert "there is no Pulumi.no-such-stack.yaml" in capsys.readouterr().err


class Nova:
    """A connection that knows these flavours, by name to their extra specs."""

    def __init__(self, **flavours: dict[str, str]) -> None:
        self.compute = self
        self._flavours = flavours

    def flavors(self) -> list[Flavor]:
        return [Flavor(name=name.replace("_", "."), extra_specs=properties) for name, properties in self._flavours.items()]


class TestGpus:
    """By the properties that Nova's documentation gives to flavours with GPUs."""

    @staticmethod
    def found(properties: dict[str, str], **cluster: Any) -> list[Finding]:
        data = with_gpus(document("dev"))
        data["gaia-dmp:cloud"]["cluster"] |= cluster
        settings = settings_of(data)
        visit = Visit(settings, cast("OpenStackCloud", settings.cloud), "gaia-dmp-dev")
        nova = Nova(vm_gpu_a100=properties, vm_gpu_v100={"pci_passthrough:alias": "v100:4"}, vm_v1_large={"hw:cpu_policy": "dedicated"})
        visit.projects["compute"] = cast("Any", nova)
        return list(gpus.gpus(visit))

    @pytest.mark.parametrize(
        "properties",
        [
            {"pci_passthrough:alias": "a100:2"},
            {"pci_passthrough:alias": "a100:1,a40:1", "hw:cpu_policy": "dedicated"},
            {"resources:VGPU": "2"},
            {"resources1:VGPU": "1", "resources_two:VGPU": "1"},
        ],
    )
    def test_as_many_as_the_stack_file_says(self, properties: dict[str, str]) -> None:
        first, image = self.found(properties)
        assert (first.subject, first.verdict) == ("GPUs of vm.gpu.a100", "ok")
        assert all(f"{key}={value}" in first.says for key, value in properties.items() if not key.startswith("hw"))
        assert (image.subject, image.verdict) == ("image ubuntu-jammy-kube-v1.35.4", "unknown")

    def test_another_number_and_none(self) -> None:
        other, _ = self.found({"pci_passthrough:alias": "a100:1"})
        assert (other.verdict, other.fix) == ("bad", "set cloud.cluster.pools[1].gpus: 1")
        assert "gives 1 (pci_passthrough:alias=a100:1), not 2" in other.says
        none, _ = self.found({"hw:cpu_policy": "dedicated", "resources:VCPU": "8"})
        assert (none.verdict, none.fix) == ("bad", "set cloud.cluster.pools[1].flavor to one of vm.gpu.v100")

    def test_the_image_that_is_needed(self) -> None:
        whole, virtual = (self.found(properties)[-1] for properties in ({"pci_passthrough:alias": "a100:2"}, {"resources:VGPU": "2"}))
        assert "nvidiaGPUOperator of capi-helm-charts" in whole.fix
        assert "NVIDIA's driver with CUDA and the NVIDIA Container Toolkit, and install NVIDIA's device plug-in" in whole.fix
        assert virtual.fix.startswith("use a node image with NVIDIA's vGPU guest driver, with its licence,")
        other = self.found({"pci_passthrough:alias": "a100:2"}, driver="vexxhost")[-1]
        assert other.fix.startswith("use a node image with NVIDIA's driver with CUDA")

    def test_a_stack_without_gpus_is_asked_nothing(self) -> None:
        settings = settings_of(document("dev"))
        assert list(gpus.gpus(Visit(settings, cast("OpenStackCloud", settings.cloud), "gaia-dmp-dev"))) == []


class Keystone:
    """A connection whose credential is for project iris-gaia-red, of id 4711."""

    project_name, project_id = "iris-gaia-red", "4711"

    def __init__(self, application: dict[str, Any] | None = None) -> None:
        self._data = {"token": {"application_credential": application}}
        self.session = self.auth = self

    def get_access(self, _session: object) -> "Keystone":
        return self


class TestCredential:
    """A credential opens the project that the stack file names, by name or by id, or it is refused."""

    @pytest.mark.parametrize("stated", ["iris-gaia-red", "4711"])
    def test_the_project_that_is_stated(self, monkeypatch: pytest.MonkeyPatch, stated: str) -> None:
        monkeypatch.setattr(projects, "connect", lambda _project: Keystone({"restricted": True}))
        opened = projects.open_project(OpenStackProject(project=stated, clouds_yaml="red"))
        assert (opened.name, opened.application_credential) == ("iris-gaia-red", {"restricted": True})

    @pytest.mark.parametrize("stated", ["iris-gaia-blue", "471", "IRIS-GAIA-RED"])
    def test_another_one(self, monkeypatch: pytest.MonkeyPatch, stated: str) -> None:
        monkeypatch.setattr(projects, "connect", lambda _project: Keystone())
        with pytest.raises(projects.OtherProjectError, match=r"^is for 'iris-gaia-red' \(4711\)$"):
            projects.open_project(OpenStackProject(project=stated, clouds_yaml="red"))

    def test_the_doctor_says_what_it_opens_and_what_mends_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(projects, "connect", lambda _project: Keystone())
        settings = settings_of(changed("dev", "cloud.project", "iris-gaia-blue"))
        visit = Visit(settings, cast("OpenStackCloud", settings.cloud), "gaia-dmp-dev")
        found = next(iter(credentials.credentials(visit)))
        assert found.says == "is for project iris-gaia-red (4711), but cloud.project is iris-gaia-blue"
        assert found.fix == "set cloud.clouds_yaml to another entry, or cloud.project: iris-gaia-red"
        assert visit.projects == {}


class TestMachines:
    """Image and volumes of Yarn's machines, by what Glance and Cinder answer."""

    @staticmethod
    def found(*, statuses: list[str], types: list[str], free: int, catalogue: str = "volumev3") -> dict[str, str]:
        entries = [{"type": catalogue}]
        access = SimpleNamespace(service_catalog=SimpleNamespace(catalog=entries))
        limits = {"maxTotalVolumes": 10, "totalVolumesUsed": 0, "maxTotalVolumeGigabytes": 1000, "totalGigabytesUsed": 1000 - free}
        answer = SimpleNamespace(json=lambda: {"limits": {"absolute": limits}})
        compute = SimpleNamespace(
            image=SimpleNamespace(images=lambda name: [SimpleNamespace(name=name, status=each) for each in statuses]),
            block_storage=SimpleNamespace(types=lambda: [SimpleNamespace(name=each) for each in types], get=lambda _path: answer),
            session=SimpleNamespace(auth=SimpleNamespace(get_access=lambda _session: access)),
        )
        settings = settings_of(with_machines(document("dev"), volume_type="fast"))
        visit = cast("Any", SimpleNamespace(settings=settings, compute=compute))
        return {each.subject: each.verdict for each in machines.machines(visit)}

    def test_a_site_that_has_all_of_it(self) -> None:
        # Three machines with 200 GiB each.
        assert self.found(statuses=["active"], types=["fast", "slow"], free=600) == {
            "image debian-12-genericcloud": "ok",
            "volume type fast": "ok",
            "quota of volumes": "ok",
            "quota of volume space (GiB)": "ok",
        }

    @pytest.mark.parametrize(
        ("site", "bad"),
        [
            ({"statuses": [], "types": ["fast"], "free": 600}, "image debian-12-genericcloud"),
            ({"statuses": ["active", "active"], "types": ["fast"], "free": 600}, "image debian-12-genericcloud"),
            ({"statuses": ["queued"], "types": ["fast"], "free": 600}, "image debian-12-genericcloud"),
            ({"statuses": ["active"], "types": ["slow"], "free": 600}, "volume type fast"),
            ({"statuses": ["active"], "types": ["fast"], "free": 599}, "quota of volume space (GiB)"),
            ({"statuses": ["active"], "types": ["fast"], "free": 600, "catalogue": "compute"}, "Cinder"),
        ],
    )
    def test_a_site_that_lacks_one_thing(self, site: dict[str, Any], bad: str) -> None:
        assert [subject for subject, verdict in self.found(**site).items() if verdict == "bad"] == [bad]
