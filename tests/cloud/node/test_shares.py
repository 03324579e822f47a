"""Datasets and spaces on real shares, in drivers and executors on a real node, by a stack's own DaemonSet, Secrets and volumes.

Invariants: what lies in a dataset is what every Pod reads, whether the stack made its share, adopted it or was given a path; nobody writes
it, by the mount or by the key; a person's space is theirs to write, in every Pod of theirs.
"""

import base64
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from components.openstack.cephfs_share import parse_export_path
from tests.cloud import deployed
from tests.cloud.ceph_mount import Mount, fuse_missing
from tests.cloud.node import interpreters, shares
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.interpreters import Interpreter
from tests.cloud.node.platform import Platform
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.seed import SHARES
from tests.support.eventually import eventually

pytestmark = pytest.mark.skipif(bool(fuse_missing()), reason=fuse_missing())
DATASETS = {"created": "/data/gaia/sample", "adopted": "/data/gaia/GDR3", "brought": "/data/gaia/GEDR3"}
WORDS = "stars of {}"


def data(export_path: str) -> dict[str, Any]:
    """A stack with a dataset of each kind; ceph-fuse mounts, since this machine's kernel has no Ceph client."""
    result = deployed.stack(ceph_csi={"mounter": "fuse"})
    result["gaia-dmp:cloud"]["data_project"] = {"project": "iris-gaia-data", "clouds_yaml": "iris-gaia-data"}
    brought = {"kind": "bring", "export_path": export_path, "ceph_id": "theirs", "key_secret": "their-key"}
    result["gaia-dmp:datasets"] += [
        {"name": "gdr3", "mount_path": DATASETS["adopted"], "source": {"kind": "adopt", "share": SHARES[1]}},
        # The mode for clouds where a read-only stage does not mount: on the node such a volume is mounted writable.
        {"name": "gedr3", "mount_path": DATASETS["brought"], "source": brought, "access_mode": "ReadWriteMany"},
    ]
    return result


@pytest.fixture(scope="module")
def written(whole_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The data project's two catalogues, filled by their owner, who has a key for us to one of them."""
    manila: Any = connect(whole_cloud.clouds_yaml, "iris-gaia-data").shared_file_system
    found = {share.name: share for share in manila.shares()}
    adopted, brought = found[SHARES[1]], found[SHARES[0]]
    for kind, share in (("adopted", adopted), ("brought", brought)):
        fill(whole_cloud, manila, share, kind, tmp_path_factory.mktemp(kind))
    path, key = shares.path_of(manila, brought), shares.key_of(manila, brought, "theirs", "ro")
    yield {"export_path": path, "keys": {parse_export_path(path).root_path: shares.Key("theirs", key)}}
    for share in (adopted, brought):
        for rule in manila.access_rules(share.id):
            manila.delete_access_rule(rule.id, share.id)
        eventually(lambda share=share: not list(manila.access_rules(share.id)), 60)


def fill(cloud: Cloud, manila: Any, share: Any, kind: str, folder: Path) -> None:
    """Put a catalogue into a share, as whoever loads it would."""
    mount = loader(cloud, manila, share, folder)
    (mount.folder / "catalogue").write_text(WORDS.format(kind))
    mount.end()


def loader(cloud: Cloud, manila: Any, share: Any, folder: Path) -> Mount:
    key = shares.key_of(manila, share, f"loader-{share.name[-4:]}", "rw")
    path = parse_export_path(shares.path_of(manila, share)).root_path
    return Mount(cloud.ceph.conf, folder / "mount", path, f"loader-{share.name[-4:]}", key)


@pytest.fixture(scope="module")
def sample(deployment: Platform, whole_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The share that the stack made for its dataset, as whoever loads it has it."""
    manila: Any = connect(whole_cloud.clouds_yaml, "iris-gaia-red").shared_file_system
    share = manila.find_share(f"gaia-dmp-{deployed.STACK}-sample")
    mount = loader(whole_cloud, manila, share, tmp_path_factory.mktemp("sample"))
    (mount.folder / "catalogue").write_text(WORDS.format("created"))
    yield mount.folder
    mount.end()


@pytest.fixture(scope="module")
def deployment(bare: Cluster, whole_cloud: Cloud, written: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with (
        shares.made(whole_cloud, data(written["export_path"]), written["keys"]) as items,
        shares.running(bare, whole_cloud, items, tmp_path_factory.mktemp("images")) as found,
    ):
        yield found


@pytest.fixture(scope="module")
def spark(deployment: Platform, sample: Path) -> Iterator[Interpreter]:
    with interpreters.running(deployment, "spark-alice-2abcdefgh-driver") as driver:
        yield driver


@pytest.mark.parametrize("kind", DATASETS)
def test_driver_and_executors_read_what_its_owner_wrote(spark: Interpreter, kind: str) -> None:
    path = f"{DATASETS[kind]}/catalogue"
    assert spark(f"open('{path}').read()") == WORDS.format(kind)
    assert spark(f"sorted(set(sc.parallelize(range(4), 4).map(lambda _: open('{path}').read()).collect()))") == [WORDS.format(kind)]


@pytest.mark.parametrize("kind", DATASETS)
def test_nobody_writes_a_dataset(spark: Interpreter, kind: str) -> None:
    tries = "touch more; rm -f catalogue; mkdir more"
    said = spark.execute("sh", "-c", f"cd {DATASETS[kind]} && {{ {tries}; }} 2>&1 || true")
    assert said.count("Read-only file system") == 3, said


def test_where_the_mount_may_be_written_the_key_may_not(deployment: Platform, spark: Interpreter) -> None:
    """ReadWriteMany is mounted writable on the node: there the key alone is between a process and the data."""
    node = deployment.node
    mounts = [line.split() for line in node.call("cat", "/proc/mounts").splitlines() if "ceph-fuse" in line and "globalmount" in line]
    found = {}
    for _, folder, _, options, *_ in mounts:
        if "catalogue" in node.call("ls", folder):
            said = node.call("sh", "-c", f"touch {folder}/more 2>&1 || true").rpartition(":")[2].strip()
            found[node.call("cat", f"{folder}/catalogue")] = (options.split(",")[0], said)
    assert found == {
        WORDS.format("created"): ("ro", "Read-only file system"),
        WORDS.format("adopted"): ("ro", "Read-only file system"),
        WORDS.format("brought"): ("rw", "Permission denied"),
    }


def test_a_persons_space_is_written_by_driver_and_executors(spark: Interpreter) -> None:
    assert spark.execute("stat", "-c", "%u:%g %a", "/user/alice").strip() == "185:185 770"
    spark.execute("sh", "-c", "echo mine > /user/alice/driver")
    spark("sc.parallelize([1], 1).map(lambda _: open('/user/alice/executor', 'w').write('mine')).count()")
    assert {"driver", "executor"} <= set(spark("__import__('os').listdir('/user/alice')"))


def test_parquet_is_written_to_a_space_and_read_from_a_dataset(spark: Interpreter, sample: Path, deployment: Platform) -> None:
    rows = "spark.range(0, 1000000, 1, 4).selectExpr('id', 'id % 360 as ra', 'cast(id % 180 - 90 as double) as dec')"
    assert spark(f"{rows}.write.parquet('/user/alice/table')") is None
    total = "sum('id').collect()[0][0]"
    assert spark(f"spark.read.parquet('/user/alice/table').groupBy().{total}") == 499999500000
    # The times of a folder on CephFS move on by themselves, and tar calls it changed.
    spark.execute("sh", "-ec", "cp -r /user/alice/table /work/scratch; tar -C /work/scratch -cf /work/scratch/table.tar table")
    packed = base64.b64decode(spark.execute("base64", "-w0", "/work/scratch/table.tar"))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(sample, filter="data")
    assert spark(f"spark.read.parquet('{DATASETS['created']}/table').groupBy().{total}") == 499999500000
    assert spark(f"spark.read.parquet('{DATASETS['created']}/table').where('ra = 7').count()") == 2778
