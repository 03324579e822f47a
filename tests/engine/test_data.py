"""What holds data, under the real engine and real APIs: refused in time, taken over, kept, and gone where it should be.

Refusals are looked for in previews: `pulumi up` begins with one, the Automation API does not.
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.inventory import held
from tests.cloud.openstack.seed import SHARES
from tests.engine.platform import Platform
from tests.support.stack_files import document


def with_data(data: dict[str, Any], change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    result = copy.deepcopy(data)
    change(result)
    return result


def source(data: dict[str, Any]) -> dict[str, Any]:
    return data["gaia-dmp:datasets"][0]["source"]


def test_what_manila_would_refuse_late_is_refused_before_anything_changes(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    project = connect(cloud.clouds_yaml, "iris-gaia-red")
    dev = platform("dev", with_data(document("dev"), lambda data: source(data).update(share_type="nfs_only")))
    refused = dev.preview()
    assert refused.error
    assert "share type nfs_only is not known to project iris-gaia-red; the share was not made" in refused.output
    assert "ceph01_cephfs" in refused.output
    assert held(project) == {}

    second = {"project": "iris-gaia-data", "clouds_yaml": "nobody"}
    dev.data = with_data(document("dev"), lambda data: data["gaia-dmp:cloud"].update(data_project=second))
    refused = dev.preview()
    assert refused.error
    assert "gaia-dmp:cloud.data_project.clouds_yaml: nobody: the credential was not accepted" in refused.output
    assert held(project) == {}

    dotted = with_data(document("dev"), lambda data: source(data).update(ceph_id="gaia.reader"))
    dev.data = dotted
    refused = dev.preview()
    assert refused.error
    assert "datasets[0].source.ceph_id: gaia.reader" in refused.output
    assert held(project) == {}


def everything(data: dict[str, Any]) -> None:
    """Space for people, backups, a bucket, an adopted share by its id through Manila CSI."""
    data["gaia-dmp:cloud"]["data_project"] = {"project": "iris-gaia-data", "clouds_yaml": "iris-gaia-data"}
    data["gaia-dmp:zeppelin"] |= {
        "people": [{"name": "alice"}],
        "user_space": {"kind": "share", "size_gib": 1, "on_destroy": "keep"},
        "backup": {"target": {"kind": "share", "size_gib": 1, "on_destroy": "delete"}, "password_secret": "backup-password"},
    }
    data["gaia-dmp:object_store"] = {
        "project": "iris-gaia-buckets",
        "clouds_yaml": "iris-gaia-buckets",
        "endpoint": "https://object.example.org",
        "buckets": [{"name": "results", "on_destroy": "keep"}, {"name": "tmp", "on_destroy": "delete"}],
    }


def test_data_is_taken_over_kept_and_let_go(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    project, owner = connect(cloud.clouds_yaml, "iris-gaia-red"), connect(cloud.clouds_yaml, "iris-gaia-data")
    shares: Any = project.shared_file_system
    theirs: Any = owner.shared_file_system
    foreign = next(each for each in theirs.shares() if each.name == SHARES[0])
    store: Any = connect(cloud.clouds_yaml, "iris-gaia-buckets").object_store
    data = document("dev")
    everything(data)
    adopted = {"kind": "adopt", "share": foreign.id, "plugin": "manila-csi"}
    data["gaia-dmp:datasets"].append({"name": "gedr3", "mount_path": "/data/gaia/GEDR3", "source": adopted})
    dev = platform("dev", data)
    dev.secrets = {"gaia-dmp:backup-password": "a password"}
    made = dev.up()
    assert not made.error, made.output[-3000:]
    assert held(project)["shares"] == [f"gaia-dmp-dev-{name}" for name in ("backup", "notebooks", "sample", "user-admin", "user-alice")]
    assert sorted(each.name for each in store.containers()) == ["gaia-dmp-dev-results", "gaia-dmp-dev-tmp"]
    assert [(rule.access_to, rule.access_level) for rule in theirs.access_rules(foreign.id)] == [("gaia-dmp-dev-data-gedr3", "ro")]
    assert dev.up().ops == {}
    ids = dev.ids()

    # A shrink is refused in the plan, so that nothing else of the change is done either.
    dev.data = with_data(data, lambda changed: source(changed).update(size_gib=5))
    dev.data["gaia-dmp:zeppelin"]["cores"] = 1
    refused = dev.preview()
    assert refused.error
    assert "datasets[0].source.size_gib: 5: a share does not shrink, and data-sample-share has 10 GiB; it was not changed" in refused.output
    assert next(each.size for each in shares.shares() if each.name == "gaia-dmp-dev-sample") == 10
    assert dev.ids() == ids

    # A new name takes over everything, and grows on the way.
    dev.data = with_data(data, lambda changed: changed["gaia-dmp:datasets"][0].update(name="catalogue", formerly="sample"))
    source(dev.data)["size_gib"] = 12
    plan = dev.preview()
    assert not plan.error, plan.output[-3000:]
    touched = {
        name: op for name, op in plan.ops.items() if name.startswith(("data-", "notebooks", "user-", "backup", "cluster", "network"))
    }
    assert touched == {"data-catalogue-share": "update"}
    assert not dev.up().error
    after = dev.ids()
    for child in ("share", "volume", "claim", "access-gaia-dmp-dev-data-sample"):
        assert after[f"data-catalogue-{child}"] == ids[f"data-sample-{child}"]
    found = next(each for each in shares.shares() if each.name == "gaia-dmp-dev-catalogue")
    assert (found.id, found.size) == (ids["data-sample-share"], 12)
    assert dev.up().ops == {}

    gone = dev.destroy()
    assert not gone.error, gone.output[-3000:]
    assert held(project) == {"shares": ["gaia-dmp-dev-user-admin", "gaia-dmp-dev-user-alice"]}
    assert [each.name for each in store.containers()] == ["gaia-dmp-dev-results"]
    assert list(theirs.access_rules(foreign.id)) == []
    assert sorted(held(owner)["shares"]) == sorted(SHARES)
    for kept in shares.shares():
        shares.delete_share(kept.id)
    store.delete_container("gaia-dmp-dev-results")


@pytest.mark.parametrize("by", ["name", "id"])
def test_a_share_that_the_stack_holds_is_not_adopted_and_so_not_deleted(cloud: Cloud, platform: Callable[..., Platform], by: str) -> None:
    """Its setting goes from `made` to `adopted`: the engine would delete at the end what the program has just found."""
    project = connect(cloud.clouds_yaml, "iris-gaia-red")
    shares: Any = project.shared_file_system
    data = document("dev")
    data["gaia-dmp:zeppelin"] |= {
        "people": [{"name": "alice"}],
        "user_space": {"kind": "share", "size_gib": 1, "on_destroy": "delete"},
    }
    dev = platform("dev", data)
    assert not dev.up().error
    ids = dev.ids()
    adopted = "gaia-dmp-dev-user-alice" if by == "name" else ids["user-alice-share"]
    dev.data = with_data(data, lambda changed: changed["gaia-dmp:zeppelin"].update(people=[{"name": "alice", "space_share": adopted}]))
    for refused in (dev.preview(), dev.up()):
        assert refused.error
        assert "carries the mark of this very stack" in refused.output
        assert f"openstack share unset --property stack {ids['user-alice-share']}" in refused.output
        assert ids["user-alice-share"] in {share.id for share in shares.shares()}
        assert dev.ids()["user-alice-share"] == ids["user-alice-share"]


def test_kept_notebooks_are_taken_up_again(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    """Two stacks' lives: what the first leaves is the home of the second's notebooks, and of nobody else's after it."""
    project = connect(cloud.clouds_yaml, "iris-gaia-red")
    shares: Any = project.shared_file_system
    kept = shares.create_share(
        name="gaia-dmp-dev-notebooks", size=1, share_protocol="CEPHFS", share_type="ceph01_cephfs", metadata={"stack": "gaia-dmp-dev"}
    )
    shares.wait_for_status(kept, "available", failures=["error"], interval=0.5, wait=60)
    home = {"kind": "adopt", "share": "gaia-dmp-dev-notebooks"}
    dev = platform("dev", with_data(document("dev"), lambda data: data["gaia-dmp:zeppelin"].update(notebooks=home)))
    assert "carries the mark of this very stack" in dev.preview().output
    shares.delete_share_metadata(kept.id, ["stack"])
    made = dev.up()
    assert not made.error, made.output[-3000:]
    assert [rule.access_level for rule in shares.access_rules(kept.id)] == ["rw"]
    assert not dev.destroy().error
    assert held(project) == {"shares": ["gaia-dmp-dev-notebooks"]}
    shares.delete_share(kept.id)
