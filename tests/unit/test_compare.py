"""Two recordings, resource by resource: what is matched, what differs, what a replacement drags along."""

import dataclasses
from typing import Any

from recording import SECRET, UNKNOWN, RecordedResource, Recording
from review.change import Effect
from review.compare import compare
from review.fields import differences

PARENT = "urn:pulumi:x::gaia-dmp::"
SHARE, CONFIG, PROVIDER = "openstack:sharedfilesystem/share:Share", "kubernetes:core/v1:ConfigMap", "pulumi:providers:kubernetes"


def made(name: str, type_: str = SHARE, inputs: dict[str, Any] | None = None, **more: Any) -> RecordedResource:
    rest: dict[str, Any] = {"options": {}, "provider": "", "property_dependencies": {}, "fingerprints": {}} | more
    return RecordedResource(f"{PARENT}{type_}::{name}", type_, name, "", rest.pop("provider"), True, inputs or {}, [], {}, **rest)


def recording(*resources: RecordedResource) -> Recording:
    return Recording("gaia-dmp", "x", "preview", list(resources))


def one(before: RecordedResource, after: RecordedResource):
    found = compare(recording(before), recording(after))
    assert len(found) == 1, found
    return found[0]


def test_the_same_is_nothing():
    assert compare(recording(made("a")), recording(made("a"))) == []


def test_a_stack_that_is_new_and_one_that_goes():
    assert [each.operation for each in compare(None, recording(made("a")))] == ["create"]
    assert [each.operation for each in compare(recording(made("a")), None)] == ["delete"]


def test_in_place_and_replacement_by_what_the_provider_says():
    assert one(made("a", inputs={"size": 1}), made("a", inputs={"size": 2})).operation == "update"
    replaced = one(made("a", inputs={"shareProto": "NFS"}), made("a", inputs={"shareProto": "CEPHFS"}))
    assert (replaced.operation, replaced.forced_by) == ("replace", ["shareProto"])


def test_a_shrink_is_refused():
    change = one(made("a", inputs={"size": 2}), made("a", inputs={"size": 1}))
    assert change.effect is Effect.REFUSED
    assert "hook" in change.refused


def test_what_would_be_made_beside_its_old_self_is_refused():
    looked = {"hooks": ["openstack-compute-first-look"]}
    old = made("a", inputs={"shareType": "a", "name": "n"})
    new = made("a", inputs={"shareType": "b", "name": "n"}, options=looked)
    assert "the old one still stands under its name" in one(old, new).refused
    address = "openstack:networking/floatingIp:FloatingIp"
    before, after = ({"pool": pool, "description": "d"} for pool in "ab")
    assert one(made("a", address, before), made("a", address, after, options=looked)).effect is Effect.REFUSED
    # Another name is free, and one that is deleted first stands in nobody's way.
    assert one(old, dataclasses.replace(new, inputs=new.inputs | {"name": "m"})).refused == ""
    assert one(old, dataclasses.replace(new, options=looked | {"deleteBeforeReplace": True})).refused == ""


def test_what_is_protected_is_neither_deleted_nor_replaced():
    before = made("a", inputs={"shareProto": "NFS"}, options={"protect": True})
    assert "protected" in compare(recording(before), recording())[0].refused
    assert "protected" in one(before, dataclasses.replace(before, inputs={"shareProto": "CEPHFS"})).refused


def test_what_is_kept_is_forgotten():
    change = compare(recording(made("a", options={"retainOnDelete": True})), recording())[0]
    assert (change.operation, change.effect) == ("forget", Effect.LEAVES)


def test_a_lost_safeguard_is_seen_and_touches_nothing():
    change = one(made("a", options={"protect": True}), made("a"))
    assert change.operation == "same"
    assert [(each.path, each.before, each.after) for each in change.fields] == [("(option) protect", True, False)]


def test_an_ignored_input_does_nothing():
    change = one(made("a", inputs={"size": 1}), made("a", inputs={"size": 2}, options={"ignoreChanges": ["size"]}))
    assert (change.operation, change.effect) == ("same", Effect.OVERLOOKED)


def test_the_program_may_ask_for_replacements():
    assert one(made("a", inputs={"name": "1"}), made("a", inputs={"name": "2"}, options={"replaceOnChanges": ["*"]})).operation == "replace"


def test_an_alias_is_followed():
    change = one(made("a"), made("b", options={"aliases": ["::::a"]}))
    assert (change.operation, change.former, change.effect) == ("same", f"{PARENT}{SHARE}::a", Effect.RENAMED)


def test_a_fingerprint_tells_what_is_masked():
    before = made("a", inputs={"name": SECRET}, fingerprints={"name": "1"})
    assert compare(recording(before), recording(before)) == []
    change = one(before, dataclasses.replace(before, fingerprints={"name": "2"}, secret_paths=["name"]))
    assert [(each.path, each.before, each.after) for each in change.fields] == [("name", SECRET, SECRET)]


def test_what_was_left_to_the_cloud_may_be_what_is_told_now():
    change = one(made("a"), made("a", inputs={"availabilityZone": "nova"}))
    assert (change.operation, change.doubtful) == ("replace", True)


class TestAReplacement:
    def test_makes_outputs_unknown(self):
        access = "openstack:sharedfilesystem/shareAccess:ShareAccess"
        old = made("a", inputs={"shareProto": "NFS"})
        user = made(
            "b", access, {"shareId": UNKNOWN, "accessTo": "x"}, property_dependencies={"shareId": [old.urn]}, fingerprints={"shareId": "1"}
        )
        new = dataclasses.replace(old, inputs={"shareProto": "CEPHFS"})
        found = {each.name: each for each in compare(recording(old, user), recording(new, user))}
        assert found["b"].operation == "replace"
        assert [(each.path, each.cause) for each in found["b"].fields] == [("shareId", "a")]

    def test_of_a_provider_replaces_what_it_serves(self):
        provider = made("p", PROVIDER, {"clusterIdentifier": "1"})
        served = made("c", CONFIG, {"metadata": {"name": "c"}}, provider=provider.urn)
        found = compare(recording(provider, served), recording(dataclasses.replace(provider, inputs={"clusterIdentifier": "2"}), served))
        assert {each.name: (each.operation, each.forced_by) for each in found}["c"] == ("replace", ["its provider p"])

    def test_takes_along_what_is_deleted_with_it(self):
        owner = made("z", inputs={"shareProto": "NFS"})
        inside = made("c", CONFIG, {"metadata": {"name": "c"}}, options={"deletedWith": owner.urn})
        found = compare(recording(owner, inside), recording(dataclasses.replace(owner, inputs={"shareProto": "CEPHFS"}), inside))
        assert {each.name: (each.operation, each.forced_by) for each in found}["c"] == ("replace", ["z, with which it is deleted"])

    def test_that_deletes_first_replaces_whoever_might_have_to(self):
        """A ConfigMap with a name of its own replaced the DaemonSet that named it (seen under the engine)."""
        config = made("c", CONFIG, {"metadata": {"name": "c"}, "data": {"a": "1"}})
        user = made(
            "d",
            "kubernetes:apps/v1:DaemonSet",
            {"metadata": {"name": "d"}, "spec": {"x": "c"}},
            property_dependencies={"spec": [config.urn]},
        )
        new = dataclasses.replace(config, inputs={"metadata": {"name": "c"}, "data": {"a": "2"}})
        found = {each.name: each for each in compare(recording(config, user), recording(new, user))}
        assert found["d"].operation == "replace"
        assert "spec.selector" in found["d"].forced_by[0]

    def test_of_an_object_without_a_name_of_its_own_restarts_who_names_it(self):
        config = made("c", CONFIG, {"metadata": {"name": "c-0123abcd"}, "data": {"a": "1"}})
        spec = {"template": {"spec": {"volumes": [{"configMap": {"name": "c-0123abcd"}}]}}}
        user = made(
            "d", "kubernetes:apps/v1:Deployment", {"metadata": {"name": "d"}, "spec": spec}, property_dependencies={"spec": [config.urn]}
        )
        new = dataclasses.replace(config, inputs={"metadata": {"name": "c-0123abcd"}, "data": {"a": "2"}})
        found = {each.name: each for each in compare(recording(config, user), recording(new, user))}
        assert (found["d"].operation, found["d"].effect) == ("update", Effect.RESTART)


class TestDifferences:
    def test_items_are_matched_by_name(self):
        before = [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]
        after = [{"name": "b", "image": "2"}, {"name": "a", "image": "1"}]
        assert [(each.path, each.before, each.after) for each in differences(before, after, "c")] == [("c[b].image", "1", "2")]

    def test_others_in_their_order(self):
        assert [(each.path, each.before, each.after) for each in differences(["a", "b"], ["b"], "c")] == [("c[0]", "a", None)]

    def test_any_two_things(self):
        assert [(each.path, each.before, each.after) for each in differences({"a": 1}, {"a": [1]})] == [("a", 1, [1])]
