"""All shares of a whole stack on the cloud's real Ceph: each key on each path, quotas of people's spaces, and a share that is lost.

Invariants: a key opens the share of its rule, at its level, and no other share of the stack or of the data project; nobody writes more to
their space than is theirs, and takes nothing from others; notebooks whose share is gone come back byte for byte on a new one.
"""

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from components.openstack.cephfs_share import parse_export_path
from tests.cloud import deployed
from tests.cloud.backup import Backup, contents, some_notebooks
from tests.cloud.ceph import CephError
from tests.cloud.ceph_mount import Mount, fuse_missing
from tests.cloud.node import shares
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.seed import SHARE_TYPE, SHARES
from tests.support.eventually import eventually
from tests.support.programs import record_data

pytestmark = pytest.mark.skipif(bool(fuse_missing()), reason=fuse_missing())
TITLE = f"gaia-dmp-{deployed.STACK}"


class Rule(NamedTuple):
    """A rule as Manila has it. path: of its share."""

    path: str
    ceph_id: str
    key: str
    level: str


Open = Callable[[str, str, str], Path]


def data() -> dict[str, Any]:
    """A stack with all kinds of shares, spaces of two people, and one catalogue of another project."""
    result = deployed.stack()
    result["gaia-dmp:cloud"]["data_project"] = {"project": "iris-gaia-data", "clouds_yaml": "iris-gaia-data"}
    result["gaia-dmp:datasets"].append({"name": "gdr3", "mount_path": "/data/gaia/GDR3", "source": {"kind": "adopt", "share": SHARES[1]}})
    result["gaia-dmp:zeppelin"]["user_space"] = {"kind": "share", "size_gib": 1}
    return result


@pytest.fixture(scope="module")
def rules(whole_cloud: Cloud) -> Iterator[Mapping[str, Rule]]:
    """The stack's rule by share, while its shares stand; the catalogue that nobody adopted has none."""
    with shares.made(whole_cloud, data(), {}):
        found: dict[str, Rule] = {}
        for project in ("iris-gaia-red", "iris-gaia-data"):
            manila: Any = connect(whole_cloud.clouds_yaml, project).shared_file_system
            for share in manila.shares():
                path = parse_export_path(shares.path_of(manila, share)).root_path
                (rule,) = list(manila.access_rules(share.id)) or [None]
                found[share.name] = Rule(path, *((rule.access_to, rule.access_key, rule.access_level) if rule else ("", "", "")))
        yield found


@pytest.fixture
def opened(whole_cloud: Cloud, tmp_path: Path) -> Iterator[Open]:
    """Mounts a path with a Ceph id and its key, in a folder of that name below the test's."""
    with ExitStack() as stack:

        def mount(path: str, ceph_id: str, key: str) -> Path:
            folder = tmp_path / f"{ceph_id}-on-{path.strip('/').replace('/', '-')}"
            made = Mount(whole_cloud.ceph.conf, folder, path, ceph_id, key)
            stack.callback(made.end)
            return made.folder

        yield mount


def test_each_key_opens_its_own_share_at_its_level_and_no_other(rules: Mapping[str, Rule], opened: Open) -> None:
    names = {"notebooks", "backup", "history", "sample", "user-admin", "user-alice", "user-bob-example-org"}
    assert rules.keys() == {f"{TITLE}-{name}" for name in names} | set(SHARES)
    keys = {name: rule for name, rule in rules.items() if rule.key}
    assert rules.keys() - keys.keys() == {SHARES[0]}
    assert len({rule.key for rule in keys.values()}) == len({rule.ceph_id for rule in keys.values()}) == len(keys)

    def attempt(pair: tuple[str, str]) -> str:
        """What a key may do on the path of a share."""
        rule, path = keys[pair[0]], rules[pair[1]].path
        try:
            folder = opened(path, rule.ceph_id, rule.key)
        except CephError:
            return "nothing"
        try:
            (folder / "written").touch()
        except PermissionError:
            return f"ro, {len(list(folder.iterdir()))} files"
        (folder / "written").unlink()
        return "rw"

    pairs = [(key, share) for key in keys for share in rules]
    with ThreadPoolExecutor(4) as pool:
        found = dict(zip(pairs, pool.map(attempt, pairs), strict=True))
    level = {"ro": "ro, 0 files", "rw": "rw"}
    assert found == {(key, share): level[keys[key].level] if key == share else "nothing" for key, share in pairs}
    assert {name.removeprefix(f"{TITLE}-") for name, rule in keys.items() if rule.level == "ro"} == {"sample", SHARES[1]}


def test_a_person_fills_their_own_space_and_nobody_elses(rules: Mapping[str, Rule], opened: Open) -> None:
    alice, bob = (opened(*rules[f"{TITLE}-user-{name}"][:3]) for name in ("alice", "bob-example-org"))
    with (alice / "large").open("wb", buffering=0) as file:

        def write() -> None:
            for _ in range(1100):
                file.write(bytes(1 << 20))
                os.fsync(file.fileno())

        with pytest.raises(OSError, match=os.strerror(errno.EDQUOT)):
            write()
        assert 1000 << 20 < file.tell() < 1100 << 20
    (bob / "small").write_bytes(bytes(1 << 20))
    assert (bob / "small").stat().st_size == 1 << 20
    assert [os.statvfs(each).f_blocks * os.statvfs(each).f_frsize for each in (alice, bob)] == [1 << 30, 1 << 30]
    (alice / "large").unlink()


def test_notebooks_whose_share_is_lost_come_back_on_a_new_one(
    whole_cloud: Cloud, rules: Mapping[str, Rule], opened: Open, tmp_path: Path
) -> None:
    """As docs/runbooks/restore-notebooks.md says it. The backups lie on a share of their own."""
    manila: Any = connect(whole_cloud.clouds_yaml, "iris-gaia-red").shared_file_system
    lost = manila.create_share(name="lost", size=1, share_protocol="CEPHFS", share_type=SHARE_TYPE)
    manila.wait_for_status(lost, "available", failures=["error"], interval=0.2, wait=60)

    def home(share: Any, ceph_id: str) -> Path:
        key = shares.key_of(manila, share, ceph_id, "rw")
        return opened(parse_export_path(shares.path_of(manila, share)).root_path, ceph_id, key)

    notebooks, repository = some_notebooks(home(lost, "server") / "home"), opened(*rules[f"{TITLE}-backup"][:3]) / "restic"
    before = contents(notebooks)
    recording = record_data(data())
    Backup(recording, notebooks, tmp_path / "first", str(repository), {})("backup")
    manila.delete_share(lost.id)
    eventually(lambda: lost.id not in {share.id for share in manila.shares()}, 60)
    with pytest.raises(OSError, match=os.strerror(errno.ESHUTDOWN)):
        (notebooks / "conf" / "notebook-authorization.json").read_text()
    new = manila.create_share(name="lost", size=1, share_protocol="CEPHFS", share_type=SHARE_TYPE)
    manila.wait_for_status(new, "available", failures=["error"], interval=0.2, wait=60)
    empty = home(new, "server-2") / "home"
    empty.mkdir()
    Backup(recording, empty, tmp_path / "second", str(repository), {})("restore", "latest")
    # What Zeppelin notes of the moment is not kept.
    kept = {name: data for name, data in before.items() if not name.startswith("recovery")}
    assert contents(empty) == kept
    assert sum(name.startswith("notebook/.git/objects/") for name in kept) > 9
    manila.delete_share(new.id)
