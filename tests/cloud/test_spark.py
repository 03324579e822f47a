"""Real Spark on the fence: drivers with the stack's settings, executors as processes, jobs that run."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cloud import driver
from tests.cloud.api import Api, Object
from tests.cloud.deployed import NOTEBOOKS, one
from tests.cloud.driver import VERSIONS, Driver
from tests.cloud.kube import Kube
from tests.cloud.kubelet import Kubelet
from tests.support.eventually import eventually

PODS = f"/api/v1/namespaces/{NOTEBOOKS}/pods"
CONFIG_MAPS = f"/api/v1/namespaces/{NOTEBOOKS}/configmaps"
CACHED = 12
"""Seconds after which an idle executor with shuffle files goes: cached_idle_seconds of tests.cloud.deployed.stack."""


@pytest.fixture(params=VERSIONS)
def minor(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def kubelet(api: Api, minor: str, tmp_path: Path) -> Iterator[Kubelet]:
    runner = Kubelet(api, minor, tmp_path / "executors")
    runner.start()
    yield runner
    runner.stop()


def executors(api: Api) -> list[Object]:
    return api.items(PODS, labelSelector="spark-role=executor")


def forbidden(log: str) -> list[str]:
    """The lines that tell of a refusal."""
    return [line for line in log.splitlines() if "forbidden" in line.lower() or "Code: 403" in line or "code=403" in line]


def test_a_job_runs_grows_recovers_lets_go_and_stops_clean(kube: Kube, api: Api, items, tmp_path, minor, kubelet, record_property):
    with driver.running(api, items, tmp_path / "driver", minor=minor) as spark:
        assert spark("executors()") == 0
        started = spark("first_executor()")
        assert started is not None
        record_property("seconds to the first executor", round(started, 1))
        assert spark("shuffle(12, 1.0)") == 49995000
        # One core each and work for more: as many as the setting allows, and no more.
        assert kubelet.peak == 3
        assert {pod["spec"]["priorityClassName"] for pod in executors(api)} == {"gaia-spark-executor-alice"}
        killed = kubelet.kill_one()
        assert spark("shuffle(12, 0.3)") == 49995000
        eventually(lambda: killed not in {pod["metadata"]["name"] for pod in executors(api)})
        # Shuffle files of each of these are on one executor, and one executor is busy when the others go: it must not be handed theirs.
        assert [spark("shuffle(1)") for _ in range(6)] == [49995000] * 6
        spark("sc.parallelize([5], 1).foreach(time.sleep)")
        released = spark(f"wait(lambda: executors() == 0, {CACHED + 120})")
        assert released is not None
        record_property("seconds from idle to released", round(released, 1))
        eventually(lambda: executors(api) == [])
        assert spark("shuffle(2)") == 49995000
        spark("spark.stop()")
        eventually(lambda: executors(api) == [])
        assert [item["metadata"]["name"] for item in api.items(CONFIG_MAPS) if item["metadata"]["name"].startswith("spark-exec-")] == []
        assert forbidden(spark.log()) == []
    # In its whole life a driver uses each verb of its Role.
    rules = one(items, "Role", "spark-driver")["rules"]
    role = {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}
    eventually(lambda: len(kube.used(spark.pod)) >= len(role))
    assert kube.used(spark.pod) == role
    assert (tmp_path / "driver" / "spark-events").exists()


def test_a_profile_has_its_own_size_and_the_quota_is_the_last_word(api: Api, items, tmp_path, kubelet, minor):
    hostile = {"spark.dynamicAllocation.maxExecutors": "50", "spark.kubernetes.allocation.maxPendingPods": "50"}
    with driver.running(api, items, tmp_path / "driver", minor=minor, setting="spark-large", hostile=hostile) as spark:
        assert spark("shuffle(16, 1.0)") == 49995000
        assert kubelet.peak == 4
        assert any("exceeded quota: executor-alice" in line for line in forbidden(spark.log()))
        spark("spark.stop()")
        eventually(lambda: executors(api) == [])


@pytest.fixture(scope="class")
def notebook(api: Api, items, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Driver, Kubelet]]:
    """A driver and what would run its executors."""
    folder = tmp_path_factory.mktemp("notebook")
    runner = Kubelet(api, "4.0", folder / "executors")
    runner.start()
    try:
        with driver.running(api, items, folder / "driver") as spark:
            yield spark, runner
    finally:
        runner.stop()


class TestHostileSettings:
    """One driver, whose person changes its settings."""

    @pytest.mark.parametrize(
        ("hostile", "words"),
        [
            ({"spark.kubernetes.container.image": "docker.io/library/evil:1"}, "an executor must have one container, of image"),
            ({"spark.kubernetes.executor.label.app": "spark-bob"}, "an executor must have the labels of an executor"),
            ({"spark.kubernetes.executor.secrets.registry": "/stolen"}, "a Pod here may mount only emptyDir"),
            ({"spark.kubernetes.executor.secretKeyRef.X": "registry:y"}, "a Pod here must not use a Secret in its environment"),
            ({"spark.kubernetes.node.selector.kubernetes.io/hostname": "worker-0"}, "a Pod here must run on the Spark nodes"),
            (
                {
                    "spark.kubernetes.executor.volumes.persistentVolumeClaim.x.options.claimName": "data-sample",
                    "spark.kubernetes.executor.volumes.persistentVolumeClaim.x.mount.path": "/writable",
                },
                "a Pod here may mount only emptyDir",
            ),
            (
                {"spark.kubernetes.executor.annotation.k8s.v1.cni.cncf.io/networks": "cephfs"},
                "a Pod here must not ask for a second network",
            ),
            (
                {
                    "spark.kubernetes.executor.volumes.hostPath.x.mount.path": "/x",
                    "spark.kubernetes.executor.volumes.hostPath.x.options.path": "/",
                },
                "restricted",
            ),
            (
                {
                    "spark.kubernetes.executor.volumes.persistentVolumeClaim.x.options.claimName": "OnDemand",
                    "spark.kubernetes.executor.volumes.persistentVolumeClaim.x.options.sizeLimit": "1Gi",
                    "spark.kubernetes.executor.volumes.persistentVolumeClaim.x.options.storageClass": "csi-cinder",
                    "spark.kubernetes.executor.volumes.persistentVolumeClaim.x.mount.path": "/x",
                },
                "a Pod here may mount only emptyDir",
            ),
        ],
    )
    def test_they_start_nothing(self, api: Api, notebook, hostile, words):
        spark, kubelet = notebook
        begin = len(spark.log())
        before = spark(f"hostile({hostile!r})")
        try:
            assert spark("first_executor(1)") is None
            eventually(lambda: words in spark.log()[begin:])
            assert spark("executors()") == 0
        finally:
            spark("sc.cancelAllJobs()")
            # It may be asking just now.
            time.sleep(2)
            spark(f"hostile({before!r})")
        assert executors(api) == []
        assert kubelet.peak == 0


@pytest.mark.parametrize("minor", ["4.0"], indirect=True)
def test_a_driver_that_says_to_be_another_starts_nothing(api: Api, items, tmp_path, kubelet):
    other = "spark-alice-2bbbbbbbb-driver"
    hostile = {"spark.kubernetes.driver.pod.name": other}
    with driver.running(api, items, tmp_path / "other", name=other):
        with pytest.raises(RuntimeError, match="the driver ended"), driver.running(api, items, tmp_path / "driver", hostile=hostile):
            pass
        assert "a driver may only create objects that its own Pod owns" in (tmp_path / "driver" / "driver.log").read_text(errors="replace")
        assert executors(api) == []
    assert kubelet.peak == 0
