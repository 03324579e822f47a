"""Shares on the cloud's real Ceph, by Manila's own driver: what a rule opens and what it does not, and what Manila says of a share.

Invariants: a key opens its share, at its level, and nothing else; a rule taken away cuts off whoever mounted by it; data outlives rules.
"""

import errno
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from openstack.exceptions import ResourceFailure

from components.openstack.cephfs_share import parse_export_path
from tests.cloud.ceph import CephError
from tests.cloud.ceph_mount import Mount, fuse_missing
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.seed import SHARE_TYPE
from tests.support.eventually import eventually

fuse = pytest.mark.skipif(bool(fuse_missing()), reason=fuse_missing())
Make = Callable[[str], Any]
Allow = Callable[..., str]


@pytest.fixture
def manila(cloud: Cloud) -> Any:
    return connect(cloud.clouds_yaml, "iris-gaia-red").shared_file_system


@pytest.fixture
def make(cloud: Cloud, manila: Any) -> Iterator[Make]:
    """Makes a share of 1 GiB."""
    admin: Any = connect(cloud.clouds_yaml, "admin").shared_file_system
    made: list[Any] = []

    def share(name: str, tries: int = 3) -> Any:
        made.append(manila.create_share(name=name, size=1, share_protocol="CEPHFS", share_type=SHARE_TYPE))
        try:
            return manila.wait_for_status(made[-1], "available", failures=["error"], interval=0.2, wait=60)
        except ResourceFailure:
            # A Ceph that a test has just hurt may not answer within Manila's ten seconds.
            if tries == 1:
                raise
            return share(name, tries - 1)

    yield share
    for each in made:
        manila.delete_share(each.id)

    def gone() -> bool:
        for each in manila.shares():
            # For the same reason.
            if each.status == "error_deleting":
                admin.post(f"/shares/{each.id}/action", json={"force_delete": {}}, microversion="2.7").raise_for_status()
        return not list(manila.shares())

    eventually(gone, 120)


@pytest.fixture
def allow(manila: Any) -> Allow:
    """Lets a Ceph id in; returns its key, or "" where the rule ended in error."""

    def rule(share: Any, ceph_id: str, level: str = "rw") -> str:
        made = manila.create_access_rule(share.id, access_type="cephx", access_to=ceph_id, access_level=level)
        found: list[Any] = []

        def settled() -> bool:
            found[:] = [each for each in manila.access_rules(share.id) if each.id == made.id]
            return found[0].state in ("active", "error")

        eventually(settled, 60)
        return found[0].access_key or ""

    return rule


@pytest.fixture
def mount(cloud: Cloud, tmp_path: Path) -> Iterator[Callable[[str, str, str], Path]]:
    """Mounts a path of the cloud's Ceph with an id and its key."""
    mounts: list[Mount] = []

    def at(path: str, ceph_id: str, key: str) -> Path:
        mounts.append(Mount(cloud.ceph.conf, tmp_path / f"mount-{len(list(tmp_path.iterdir()))}", path, ceph_id, key))
        return mounts[-1].folder

    yield at
    for each in mounts:
        each.end()


def path_of(manila: Any, share: Any) -> str:
    (location,) = manila.get(f"/shares/{share.id}/export_locations", microversion="2.45").json()["export_locations"]
    return parse_export_path(location["path"]).root_path


def test_an_export_location_names_the_clouds_monitor_and_its_file_system(cloud: Cloud, manila: Any, make: Make) -> None:
    """Also that of a share of the snapshot, whose monitor has moved since."""
    data = connect(cloud.clouds_yaml, "iris-gaia-data").shared_file_system
    for service, share in ((manila, make("new")), *((data, each) for each in data.shares())):
        (location,) = service.get(f"/shares/{share.id}/export_locations", microversion="2.45").json()["export_locations"]
        assert parse_export_path(location["path"]).monitors == [cloud.ceph.monitor]
        assert share.metadata["__mount_options"] == "fs=cephfs"


@fuse
def test_a_key_opens_its_share_at_its_level_and_nothing_else(manila: Any, make: Make, allow: Allow, mount: Callable[..., Path]) -> None:
    ours, other = make("ours"), make("other")
    keys = {"writer": allow(ours, "writer"), "reader": allow(ours, "reader", "ro"), "stranger": allow(other, "stranger")}
    path = path_of(manila, ours)
    written = mount(path, "writer", keys["writer"])
    (written / "catalogue").write_text("stars")
    read = mount(path, "reader", keys["reader"])
    assert (read / "catalogue").read_text() == "stars"
    for change in (
        lambda: (read / "catalogue").write_text("none"),
        (read / "more").touch,
        (read / "catalogue").unlink,
        (read / "folder").mkdir,
        lambda: (read / "catalogue").chmod(0o777),
        lambda: (read / "catalogue").rename(read / "moved"),
    ):
        with pytest.raises(PermissionError):
            change()
    assert (written / "catalogue").read_text() == "stars"
    for where, ceph_id in ((path, "stranger"), (path_of(manila, other), "writer"), ("/", "writer"), (str(Path(path).parent), "writer")):
        with pytest.raises(CephError):
            mount(where, ceph_id, keys[ceph_id])
    with pytest.raises(CephError):
        mount(path, "writer", keys["reader"])


@fuse
def test_a_rule_taken_away_cuts_off_whoever_mounted_by_it_and_a_new_one_has_a_new_key(
    manila: Any, make: Make, allow: Allow, mount: Callable[..., Path]
) -> None:
    share = make("ours")
    path, first = path_of(manila, share), allow(share, "writer")
    before = mount(path, "writer", first)
    (before / "catalogue").write_text("stars")
    (rule,) = manila.access_rules(share.id)
    manila.delete_access_rule(rule.id, share.id)
    eventually(lambda: not list(manila.access_rules(share.id)), 60)
    with pytest.raises(OSError, match=os.strerror(errno.ESHUTDOWN)):
        (before / "more").write_text("planets")
    second = allow(share, "writer")
    assert second != first
    assert (mount(path, "writer", second) / "catalogue").read_text() == "stars"


@fuse
def test_a_new_id_beside_the_old_is_read_while_the_old_still_is(manila: Any, make: Make, allow: Allow, mount: Callable[..., Path]) -> None:
    """What `rotation.ceph_keys` does: no mount dies before its rule is taken away."""
    share = make("ours")
    path = path_of(manila, share)
    old = mount(path, "writer", allow(share, "writer"))
    (old / "catalogue").write_text("stars")
    (rule,) = manila.access_rules(share.id)
    new = mount(path, "writer-2", allow(share, "writer-2"))
    assert (new / "catalogue").read_text() == (old / "catalogue").read_text() == "stars"
    (old / "more").write_text("planets")
    manila.delete_access_rule(rule.id, share.id)
    eventually(lambda: len(list(manila.access_rules(share.id))) == 1, 60)
    with pytest.raises(OSError, match=os.strerror(errno.ESHUTDOWN)):
        (old / "catalogue").read_text()
    assert {each.name: each.read_text() for each in new.iterdir()} == {"catalogue": "stars", "more": "planets"}


def test_one_id_on_two_shares_of_a_project_has_one_key(make: Make, allow: Allow) -> None:
    assert allow(make("one"), "reader", "ro") == allow(make("two"), "reader", "ro") != ""


@pytest.mark.parametrize("ceph_id", ["admin", "manila"])
def test_an_id_that_is_not_ours_ends_in_error(make: Make, allow: Allow, ceph_id: str) -> None:
    assert allow(make("ours"), ceph_id) == ""


@fuse
def test_a_quota_holds_grows_under_a_running_mount_and_a_refused_shrink_loses_nothing(
    manila: Any, make: Make, allow: Allow, mount: Callable[..., Path]
) -> None:
    """Manila's state `shrinking_possible_data_loss_error` is not what its CephFS driver ends in: the share stays available."""
    share = make("ours")
    here = mount(path_of(manila, share), "writer", allow(share, "writer"))

    def resize(how: str, gib: int) -> None:
        manila.post(f"/shares/{share.id}/action", json={how: {"new_size": gib}}, microversion="2.7").raise_for_status()

    with (here / "catalogue").open("wb", buffering=0) as file:

        def write(mebibytes: int) -> None:
            for _ in range(mebibytes):
                file.write(bytes(1 << 20))
                os.fsync(file.fileno())

        with pytest.raises(OSError, match=os.strerror(errno.EDQUOT)):
            write(1100)
        full = file.tell()
        # Clients keep to a quota by themselves, and learn of what is used with some delay.
        assert 1000 << 20 < full < 1100 << 20
        resize("extend", 2)
        eventually(lambda: (manila.get_share(share.id).size, manila.get_share(share.id).status) == (2, "available"), 60)
        eventually(lambda: os.statvfs(here).f_blocks * os.statvfs(here).f_frsize == 2 << 30, 60)
        write(50)
    resize("shrink", 1)
    told = f"/messages?resource_id={share.id}"
    eventually(lambda: bool(manila.get(told, microversion="2.37").json()["messages"]), 60)
    # Manila tells why before it lets the share go.
    eventually(lambda: manila.get_share(share.id).status != "shrinking", 60)
    found = manila.get_share(share.id)
    assert (found.status, found.size) == ("available", 2)
    assert (here / "catalogue").stat().st_size == full + (50 << 20)


@fuse
@pytest.mark.parametrize("daemon", ["mon", "mgr", "mds", "osd"])
def test_a_daemon_that_dies_costs_a_pause_and_no_byte(
    cloud: Cloud, manila: Any, make: Make, allow: Allow, mount: Callable[..., Path], daemon: str
) -> None:
    """Whoever writes goes on by itself, and what was written is there for the next mount."""
    share = make("ours")
    path, key = path_of(manila, share), allow(share, "writer")
    here, written, enough = mount(path, "writer", key), dict[str, str](), threading.Event()

    def write() -> None:
        while not enough.is_set():
            name, data = f"part-{len(written)}", os.urandom(1 << 16)
            with (here / name).open("wb", buffering=0) as file:
                file.write(data)
                os.fsync(file.fileno())
            written[name] = hashlib.sha256(data).hexdigest()

    with ThreadPoolExecutor(1) as pool:
        writer = pool.submit(write)
        try:
            for _ in range(1 if daemon == "osd" else 3):
                cloud.ceph.kill(daemon)
                time.sleep(1)
                cloud.ceph.launch(daemon)
                before = len(written)
                eventually(lambda before=before: len(written) > before + 2, 60)
        finally:
            enough.set()
            # Of a manager that has just begun Manila would not get an answer in time.
            cloud.ceph.wait()
        writer.result(60)
    again = mount(path, "writer", key)
    assert {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in again.iterdir()} == written
