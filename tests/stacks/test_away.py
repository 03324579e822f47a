"""Whoever is away, and what is away: everything of it goes but what holds its data, and it all comes back.

Invariants: the resource that holds data is the same with and without, so no plan touches it; nothing else of it is left, no key to its
share before all; `present` is the same as saying nothing.
"""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from recording import RecordedResource, Recording
from review.compare import compare
from tests.support.programs import named, record_data
from tests.support.stack_files import document

SHARE = "openstack:sharedfilesystem/share:Share"
RULE = "openstack:sharedfilesystem/shareAccess:ShareAccess"
CLAIM = "kubernetes:core/v1:PersistentVolumeClaim"
Data = dict[str, Any]


def data() -> Data:
    """Prod's stack with everything that may be away."""
    result = document("prod")
    result["gaia-dmp:zeppelin"]["people"] = [{"name": "alice"}, {"name": "Bob.Martin", "administrator": True}]
    source = {"kind": "create", "size_gib": 2, "on_destroy": "keep"}
    result["gaia-dmp:datasets"].append({"name": "made", "mount_path": "/data/made", "source": source})
    return result


def person(data: Data, state: str) -> None:
    data["gaia-dmp:zeppelin"]["people"][1]["state"] = state


def dataset(data: Data, state: str) -> None:
    data["gaia-dmp:datasets"][-1]["source"]["state"] = state


def backup(data: Data, state: str) -> None:
    data["gaia-dmp:zeppelin"]["backup"]["target"]["state"] = state


def history(data: Data, state: str) -> None:
    data["gaia-dmp:spark"]["history"]["state"] = state


AWAY: dict[str, tuple[Callable[[Data, str], None], str, str]] = {
    "person": (person, "user-bob-martin-share", "bob-martin"),
    "dataset": (dataset, "data-made-share", "made"),
    "backup": (backup, "backup-share", "backup"),
    "history": (history, "history-share", "history"),
}
"""What is away, to how that is said, the share that stays, and a word in the names of all else that goes."""


def whole() -> Recording:
    return record_data(data(), "update", "prod")


def changed(change: Callable[[Data, str], None], state: str) -> Recording:
    result = copy.deepcopy(data())
    change(result, state)
    return record_data(result, "update", "prod")


def words(resource: RecordedResource) -> list[str]:
    return resource.name.replace("-", " ").split()


@pytest.fixture(scope="module")
def before() -> Recording:
    return whole()


@pytest.mark.parametrize("what", AWAY)
def test_the_share_stays_as_it_is_and_nothing_else_of_it_is_left(before: Recording, what: str) -> None:
    change, share, word = AWAY[what]
    after = changed(change, "away")
    assert named(after, share) == named(before, share)
    assert named(after, share).options["protect"] is True
    assert named(after, share).options["retainOnDelete"] is True
    own = f" {' '.join(word.split('-'))} "
    # Network policies are the same whether there is a history or not.
    left = [each for each in after.resources if own in f" {' '.join(words(each))} " and "network" not in words(each)]
    assert {each.name for each in left} == {share, share.removesuffix("-share")}
    gone = {each.urn for each in before.resources} - {each.urn for each in after.resources}
    assert [each for each in before.of_type(SHARE) if each.urn in gone] == []
    assert len(after.of_type(RULE)) == len(before.of_type(RULE)) - 1


@pytest.mark.parametrize("what", AWAY)
def test_the_plan_touches_no_data_and_gives_nobody_more(before: Recording, what: str) -> None:
    change, share, _ = AWAY[what]
    found = compare(before, changed(change, "away"))
    assert [each for each in found if each.name == share] == []


def test_present_is_what_stands_without_a_word(before: Recording) -> None:
    result = data()
    for change, _, _ in AWAY.values():
        change(result, "present")
    assert record_data(result, "update", "prod").resources == before.resources


def test_a_person_who_is_away_is_in_no_list_that_lets_them_in(before: Recording) -> None:
    after = changed(person, "away")
    assert len([each for each in before.resources if "bob" in str(each.inputs).lower()]) > 10
    assert [each.name for each in after.resources if "bob" in str(each.inputs).lower()] == ["user-bob-martin-share"]


def test_a_claim_that_holds_the_space_itself_stays() -> None:
    """Of a storage class: with the claim the data would go."""

    def recorded(state: str) -> Recording:
        result = document("local")
        result["gaia-dmp:zeppelin"] |= {
            "people": [{"name": "alice", "state": state}],
            "user_space": {"kind": "storage_class", "name": "shared"},
        }
        return record_data(result, "update", "local")

    present, away = recorded("present"), recorded("away")
    assert named(away, "space-alice-claim") == named(present, "space-alice-claim")
    assert [each.name for each in away.resources if "alice" in each.name] == ["space-alice", "space-alice-claim"]
