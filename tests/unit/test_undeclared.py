"""What OpenStack lets through beside what a stack declared; tests/engine/test_drift.py makes it on real APIs."""

from types import SimpleNamespace
from typing import Any

from openstack.exceptions import BadRequestException, NotFoundException

from operate.undeclared import Undeclared, undeclared

PROVIDER = "urn:pulumi:dev::gaia-dmp::pulumi:providers:openstack::openstack-compute::1"
SHARE = {"type": "openstack:sharedfilesystem/share:Share", "id": "s1", "provider": PROVIDER, "outputs": {"name": "gaia-dmp-dev-sample"}}
RULE = {"type": "openstack:sharedfilesystem/shareAccess:ShareAccess", "id": "r1", "provider": PROVIDER}


def opening(identity: str, **more: Any) -> dict[str, Any]:
    plain = {"direction": "ingress", "remote_group_id": None, "remote_ip_prefix": "0.0.0.0/0", "protocol": "tcp"}
    return plain | {"id": identity, "port_range_min": 22, "port_range_max": 22} | more


def found(state: list[dict[str, Any]], *rules: dict[str, Any], usual: list[dict[str, Any]] | None = None) -> list[Undeclared]:
    """usual: what the site gives every project, or None for a Neutron that does not know of it."""

    def of_site() -> list[dict[str, Any]]:
        if usual is None:
            raise NotFoundException
        return usual

    access = [SimpleNamespace(id=each, access_to=to, access_level="rw") for each, to in (("r1", "ours"), ("r2", "theirs"))]
    group = SimpleNamespace(id="g", security_group_rules=rules)
    network = SimpleNamespace(security_groups=lambda **_: [group], default_security_group_rules=of_site)

    def rules_of(share: str) -> list[SimpleNamespace]:
        # Manila, api/v2/share_accesses.py: a share that is not there is a bad request.
        if share != "s1":
            raise BadRequestException(f"Share {share} not found.")
        return access

    shares = SimpleNamespace(access_rules=rules_of)
    cloud: Any = SimpleNamespace(network=network, shared_file_system=shares, current_project_id="p")
    return list(undeclared({"compute": cloud}, state))


def test_a_rule_that_the_state_does_not_have_is_told_with_the_command_that_ends_it():
    (rule,) = found([SHARE, RULE])
    assert (rule.name, rule.category) == ("gaia-dmp-dev-sample: theirs", "rights")
    assert rule.says == "theirs may read and write share gaia-dmp-dev-sample: openstack share access delete s1 r2"


def test_an_adopted_share_is_its_owners_affair():
    assert found([SHARE | {"external": True}]) == []


def test_a_share_that_somebody_deleted_hides_nothing_else():
    assert [rule.name for rule in found([SHARE | {"id": "gone"}, SHARE, RULE])] == ["gaia-dmp-dev-sample: theirs"]


def test_a_share_of_a_project_that_the_stack_file_no_longer_names_is_not_looked_at():
    elsewhere = SHARE | {"provider": PROVIDER.replace("compute", "data")}
    assert [rule.name for rule in found([elsewhere, SHARE, RULE])] == ["gaia-dmp-dev-sample: theirs"]


def test_an_opening_of_the_default_group_is_told():
    ends = " from 0.0.0.0/0: openstack security group rule delete "
    rules = (opening("a"), opening("b", protocol=None, port_range_min=None), opening("c", port_range_max=80, port_range_min=79))
    told = [each.says.removeprefix("security group default lets in ") for each in found([], *rules)]
    assert told == [f"tcp 22{ends}a", f"everything{ends}b", f"tcp 79-80{ends}c"]


def test_what_neutron_and_the_site_give_every_project_is_not_told():
    own = opening("a", remote_group_id="g", remote_ip_prefix=None)
    assert found([], own, opening("b", direction="egress")) == []
    assert found([], opening("c"), usual=[opening("x", used_in_default_sg=True)]) == []
    assert [each.name for each in found([], opening("d"), usual=[opening("x", used_in_default_sg=False)])] == ["default: tcp 22"]
