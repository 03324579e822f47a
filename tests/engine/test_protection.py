"""The prod stack under the real engine: what holds data is not deleted, what is adopted is not touched."""

import copy
from collections.abc import Callable
from typing import Any

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.inventory import held
from tests.cloud.openstack.seed import SHARES
from tests.engine.platform import Platform
from tests.support.stack_files import document


def _rules(data: Any) -> dict[str, str]:
    """Ceph id to level of every rule of the catalogues."""
    shares = data.shared_file_system
    return {rule.access_to: rule.access_level for share in shares.shares() for rule in shares.access_rules(share.id)}


def taken_off(data: dict[str, Any]) -> None:
    """The dataset that the stack made is no longer in the file."""
    data["gaia-dmp:datasets"].pop()


def moved(data: dict[str, Any]) -> None:
    """Manila cannot move a share, so the provider would replace it."""
    data["gaia-dmp:datasets"][-1]["source"]["availability_zone"] = "elsewhere"


def test_prod_is_not_destroyed_by_mistake_and_leaves_what_is_not_its_own(cloud: Cloud, platform: Callable[..., Platform]) -> None:
    project, data = connect(cloud.clouds_yaml, "iris-gaia-blue"), connect(cloud.clouds_yaml, "iris-gaia-data")
    shares: Any = data.shared_file_system
    foreign = shares.create_access_rule(next(iter(shares.shares())).id, access_type="cephx", access_to="somebody-else", access_level="rw")
    made_here = {"kind": "create", "size_gib": 1, "on_destroy": "delete"}
    data_with = document("prod")
    # Its charts are in no registry here.
    del data_with["gaia-dmp:monitoring"]
    data_with["gaia-dmp:datasets"].append({"name": "extra", "mount_path": "/data/extra", "source": made_here})
    prod = platform("prod", data_with)
    prod.secrets = {"gaia-dmp:tls-certificate": "certificate", "gaia-dmp:tls-key": "key", "gaia-dmp:backup-password": "p"}
    made = prod.up()
    assert not made.error, made.output[-3000:]
    assert _rules(data) == {"somebody-else": "rw", "gaia-dmp-prod-data-gdr3": "ro", "gaia-dmp-prod-data-gedr3": "ro"}
    assert prod.up().ops == {}
    ids = prod.ids()

    for plan in (taken_off, moved):
        prod.data = copy.deepcopy(data_with)
        plan(prod.data)
        refused = prod.preview()
        assert refused.error, plan.__name__
        assert "data-extra-share" in refused.output
        # Of a deletion the engine says the one, of a replacement the other.
        assert "because it is protected" in refused.output or "marked for protection" in refused.output
    prod.data = data_with

    refused = prod.destroy()
    assert refused.error
    assert "cannot be deleted" in refused.output
    assert "because it is protected" in refused.output
    assert "cluster-cluster" in refused.output or "notebooks-share" in refused.output
    assert prod.ids() == ids

    prod.data = {**prod.data, "gaia-dmp:protection": "off"}
    assert not prod.up().error
    gone = prod.destroy()
    assert not gone.error, gone.output[-3000:]
    kept = ("backup", "history", "notebooks", "user-admin", "user-alice", "user-bob")
    assert held(project) == {"shares": [f"gaia-dmp-prod-{name}" for name in kept]}
    assert sorted(held(data)["shares"]) == sorted(SHARES)
    assert _rules(data) == {"somebody-else": "rw"}
    shares.delete_access_rule(foreign.id, foreign.share_id)
    own: Any = project.shared_file_system
    for share in own.shares():
        own.delete_share(share.id)
