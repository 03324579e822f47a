"""Upgrades: whatever an earlier version made of its stack files, today's program takes over; renames keep data by aliases.

Invariant: with the configuration of then, nothing that holds data, and nothing that everything stands on, is dropped, replaced or left
unprotected. tests/engine/test_upgrade.py does the same with a real engine, where there is one.
"""

import copy
import json
from pathlib import Path

import pytest

from review.pairing import former_urns
from tests.support.programs import named, record_data
from tests.support.replay import kept, lost, versions
from tests.support.stack_files import changed, document

CASES = [(path, stack) for path in versions() for stack in json.loads(path.read_text())]


def test_there_are_recorded_versions():
    assert "2026-11-22" in {path.stem for path in versions()}


def upgraded(config: dict) -> dict:
    """The configuration of then, with what an upgrade asks of a stack file (docs/upgrading.md)."""
    data = copy.deepcopy(config)
    cloud = data["gaia-dmp:cloud"]
    if cloud["kind"] == "kubernetes":
        cloud.setdefault("api_server", {"cidrs": ["172.18.0.2/32"]})
    return data


@pytest.mark.parametrize(("path", "stack"), CASES, ids=lambda value: value.stem if isinstance(value, Path) else value)
def test_todays_program_takes_over_what_an_earlier_one_made(path, stack):
    recorded = json.loads(path.read_text())[stack]
    assert len(recorded["resources"]) >= (3 if stack == "local" else 8)
    assert lost(recorded["resources"], record_data(upgraded(recorded["config"]), stack=stack)) == []


def today(stack: str = "dev"):
    """A stack as an earlier version of today's program would have left it, and its recording."""
    recording = record_data(document(stack), stack=stack)
    keys = ("urn", "type", "name", "inputs", "options")
    return [{key: getattr(resource, key) for key in keys} for resource in kept(recording)], recording


class TestTheHarness:
    """It must see what it is for."""

    def test_nothing_is_lost_of_what_stays(self):
        old, recording = today()
        assert lost(old, recording) == []

    def test_it_sees_a_rename_without_an_alias(self):
        old, _ = today()
        renamed = record_data(changed("dev", "datasets.0.name", "other"), stack="dev")
        findings = lost(old, renamed)
        assert sorted(each.split(":")[0] for each in findings) == [
            "data-sample-claim would be deleted",
            "data-sample-share would be deleted",
            "data-sample-volume would be deleted",
        ]

    def test_it_follows_a_rename_with_an_alias(self):
        old, _ = today()
        data = changed("dev", "datasets.0.name", "other")
        data["gaia-dmp:datasets"][0]["formerly"] = "sample"
        assert [each for each in lost(old, record_data(data, stack="dev")) if "sample" in each] == []

    def test_it_sees_a_replacement(self):
        old, _ = today()
        zone = record_data(changed("dev", "datasets.0.source.availability_zone", "nova"), stack="dev")
        assert lost(old, zone) == ["data-sample-share would be replaced: availabilityZone was None, is nova"]

    def test_it_sees_a_lost_protection(self):
        old, _ = today("prod")
        findings = lost(old, record_data(changed("prod", "protection", "off"), stack="prod"))
        assert "notebooks-share would no longer have protect" in findings
        assert "cluster-cluster would no longer have protect" in findings

    def test_it_sees_a_cluster_dropped(self):
        old, recording = today()
        without = copy.copy(recording)
        without.resources = [each for each in recording.resources if each.name != "cluster-cluster"]
        assert [each.split(" would")[0] for each in lost(old, without)] == ["cluster-cluster"]

    def test_children_follow_a_renamed_parent(self):
        data = changed("dev", "datasets.0.name", "other")
        data["gaia-dmp:datasets"][0]["formerly"] = "sample"
        recording = record_data(data, stack="dev")
        by_urn = {resource.urn: resource for resource in recording.resources}
        names = {urn.split("::")[-1] for urn in former_urns(named(recording, "data-other-share"), by_urn)}
        assert names == {"data-other-share", "data-sample-share"}
