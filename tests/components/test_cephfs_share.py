"""Shares: what is protected and kept, what is never touched, what an export path means, what is refused."""

from string import ascii_lowercase, digits

import pulumi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.openstack.cephfs_share import (
    AdoptShareArgs,
    BringShareArgs,
    CephFSShare,
    CephFSShareArgs,
    CreateShareArgs,
    parse_export_path,
    shrink_refused,
)
from preview import answers
from recording import SECRET, UNKNOWN, Mode
from tests.support.programs import MODES, only, record_component

SHARE = "openstack:sharedfilesystem/share:Share"
RULE = "openstack:sharedfilesystem/shareAccess:ShareAccess"
CREATED = CreateShareArgs(title="gdr3", size=10, share_type="cephfs", setting="here")


def recorded(args: CephFSShareArgs, mode: Mode = "update"):
    return record_component(lambda opts: CephFSShare("data", args, opts), mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("keep", "protect"), [(True, True), (False, False), (True, False)])
def test_a_created_share_is_protected_and_kept_as_told(mode, keep, protect):
    source = CreateShareArgs(title="gdr3", size=10, share_type="cephfs", keep=keep, setting="here")
    share = only(recorded(CephFSShareArgs(source=source, readers=("reader",), protect=protect), mode), SHARE)
    assert share.options.get("protect", False) is protect
    assert share.options.get("retainOnDelete", False) is keep
    assert (share.inputs["shareProto"], share.inputs["size"], share.inputs["isPublic"]) == ("CEPHFS", 10, False)


def test_an_adopted_share_is_only_asked_for():
    recording = recorded(CephFSShareArgs(source=AdoptShareArgs(title="theirs"), readers=("reader",)))
    assert recording.of_type(SHARE) == []
    assert [query.args for query in recording.invokes] == [{"name": "theirs"}]
    rule = only(recording, RULE)
    assert (rule.inputs["accessType"], rule.inputs["accessTo"], rule.inputs["accessLevel"]) == ("cephx", "reader", "ro")


def test_a_share_adopted_by_its_id_is_read_and_nothing_else():
    share_id = "0b4ee1b4-8ff5-5bd8-a2a8-0a62ab2a0b4e"
    recording = recorded(CephFSShareArgs(source=AdoptShareArgs(title=share_id), readers=("reader",)))
    share = only(recording, SHARE)
    assert share.options == {"read": share_id}
    assert recording.invokes == []
    assert only(recording, RULE).inputs["shareId"] == share_id


@pytest.mark.parametrize(
    ("mode", "title"), [("preview", "theirs"), ("update", "theirs"), ("update", "0b4ee1b4-8ff5-5bd8-a2a8-0a62ab2a0b4e")]
)
def test_what_carries_the_mark_of_this_very_stack_is_not_adopted(monkeypatch, mode, title):
    """The state may hold it. The update would adopt it, and delete it in the end."""
    query = "openstack:sharedfilesystem/getShare:getShare"
    asked, read = answers.QUERIES[query], answers.COMPUTED[SHARE]
    adopt = CephFSShareArgs(source=AdoptShareArgs(title=title), readers=("reader",))

    def marked(stack):
        mark = {"metadata": {"stack": stack}, "allMetadata": {"stack": stack}}
        monkeypatch.setitem(answers.QUERIES, query, lambda args: asked(args) | mark)
        monkeypatch.setitem(answers.COMPUTED, SHARE, lambda name, inputs: read(name, inputs) | mark)

    marked("gaia-dmp-other")
    assert only(recorded(adopt, mode), RULE).inputs["accessTo"] == "reader"
    marked("gaia-dmp-test")
    with pytest.raises(
        Exception, match=r"carries the mark of this very stack.*\n.*\n.*openstack share unset --property stack [0-9a-f-]{36}"
    ):
        recorded(adopt, mode)


def hook_args(old: int | None, new: int) -> pulumi.ResourceHookArgs:
    inputs = {"size": old} if old else None
    return pulumi.ResourceHookArgs("urn", "id", "data-share", SHARE, new_inputs={"size": new}, old_inputs=inputs)


def test_a_shrink_is_refused_and_growth_is_not():
    called = []

    def program(opts: pulumi.ResourceOptions) -> None:
        hook = shrink_refused("data", "datasets[0].source.size_gib")
        with pytest.raises(ValueError, match=r"datasets\[0\].source.size_gib: 9: .*data-share has 10 GiB; it was not changed") as refused:
            hook.callback(hook_args(10, 9))
        assert "accepted: 10 or more" in str(refused.value)
        for old, new in ((10, 10), (10, 11), (None, 5)):
            called.append(hook.callback(hook_args(old, new)))
        assert hook.opts
        assert hook.opts.on_dry_run

    record_component(program)
    assert called == [None, None, None]


def test_every_created_share_has_the_hook():
    share = only(recorded(CephFSShareArgs(source=CREATED, readers=("reader",))), SHARE)
    assert share.options["hooks"] == ["data-shrink"]


def test_a_brought_share_makes_no_call():
    def program(opts: pulumi.ResourceOptions) -> None:
        source = BringShareArgs(export_path="a:6789:/x", ceph_id="reader", key=pulumi.Output.secret("PLAIN-KEY"))
        CephFSShare("data", CephFSShareArgs(source=source), opts)

    recording = record_component(program, "update")
    assert [r.type for r in recording.resources if r.custom and not r.type.startswith("pulumi:providers:")] == []
    assert recording.invokes == []
    assert "PLAIN-KEY" not in recording.to_json()


@pytest.mark.parametrize("mode", MODES)
def test_outputs_are_registered_and_keys_are_secret(mode):
    recording = recorded(CephFSShareArgs(source=CREATED, readers=("reader",), writers=("writer",)), mode)
    outputs = only(recording, "gaia-dmp:openstack:CephFSShare").outputs
    assert set(outputs) == {"share_id", "monitors", "root_path", "fs_name", "keys", "rules", "size"}
    if mode == "update":
        assert outputs["monitors"] == ["192.0.2.10:6789", "192.0.2.11:6789"]
        assert outputs["root_path"].startswith("/volumes/_nogroup/")
        assert outputs["fs_name"] == "cephfs"
        assert SECRET in (outputs["keys"], *(outputs["keys"].values() if isinstance(outputs["keys"], dict) else ()))
    else:
        assert outputs["root_path"] == UNKNOWN
    assert all(rule.outputs["accessKey"] == SECRET for rule in recording.of_type(RULE))
    assert "key-of-" not in recording.to_json()


def test_rules_come_one_after_another():
    recording = recorded(CephFSShareArgs(source=CREATED, readers=("a", "b"), writers=("c",)))
    levels = {rule.inputs["accessTo"]: rule.inputs["accessLevel"] for rule in recording.of_type(RULE)}
    assert levels == {"a": "ro", "b": "ro", "c": "rw"}
    waits = {rule.inputs["accessTo"]: " ".join(rule.options["dependencies"]) for rule in recording.of_type(RULE)}
    assert "::data-access-a" in waits["b"]
    assert "::data-access-b" in waits["c"]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (CephFSShareArgs(source=CREATED, readers=("client.x",)), "refuses a dot"),
        (CephFSShareArgs(source=CREATED, readers=("x",), writers=("x",)), "stands twice"),
        (CephFSShareArgs(source=BringShareArgs(export_path="a:/x", ceph_id="r", key="k"), readers=("x",)), "has a key already"),
    ],
)
def test_what_manila_would_refuse_late_is_refused_at_once(args, words):
    with pytest.raises(ValueError, match=words):
        recorded(args)


@pytest.mark.parametrize(
    ("path", "monitors", "root"),
    [
        ("10.0.0.1:6789:/a", ["10.0.0.1:6789"], "/a"),
        ("10.0.0.1:6789,10.0.0.2:3300,mon3:/volumes/_nogroup/a/b", ["10.0.0.1:6789", "10.0.0.2:3300", "mon3"], "/volumes/_nogroup/a/b"),
        ("mon:/with:colon", ["mon"], "/with:colon"),
        ("mon:6789:/", ["mon:6789"], "/"),
    ],
)
def test_export_paths(path, monitors, root):
    assert parse_export_path(path) == (monitors, root)


@pytest.mark.parametrize("path", ["[2001:db8::1]:6789:/a", "[v2:10.0.0.1:3300,v1:10.0.0.1:6789]:/a"])
def test_brackets_are_refused_with_a_message(path):
    with pytest.raises(ValueError, match="bracketed monitor addresses are not supported; accepted: mon1:6789"):
        parse_export_path(path)


@pytest.mark.parametrize("path", ["", "/a", "mon:6789", "mon:6789:a", "mon 1:6789:/a", "mon:123456:/a", ",:/a"])
def test_other_paths_are_refused(path):
    with pytest.raises(ValueError, match="not understood"):
        parse_export_path(path)


@given(
    st.lists(st.tuples(st.ip_addresses(v=4), st.integers(1, 65535)), min_size=1, max_size=7),
    st.lists(st.text(ascii_lowercase + digits + "_-", min_size=1, max_size=8), max_size=5),
)
def test_any_export_path_of_manila_is_taken_apart(addresses, folders):
    monitors = [f"{address}:{port}" for address, port in addresses]
    root = "/" + "/".join(folders)
    assert parse_export_path(f"{','.join(monitors)}:{root}") == (monitors, root)


def test_a_share_that_was_never_made_names_what_helps(monkeypatch):
    # What the provider leaves behind where Manila put the new share into error.
    said = []
    monkeypatch.setattr(pulumi.log, "error", lambda message, resource: said.append((message, resource._name)))
    monkeypatch.setitem(answers.COMPUTED, SHARE, lambda _name, _inputs: {"exportLocations": [], "allMetadata": {}})
    with pytest.raises(ValueError, match="no export location"):
        recorded(CephFSShareArgs(source=CREATED, readers=("reader",)))
    ((message, resource),) = said
    assert message.startswith("share gdr3 (")
    assert [line.split()[:3] for line in message.splitlines()[1:]] == [
        ["openstack", "share", "delete"],
        ["pulumi", "refresh"],
        ["pulumi", "up"],
    ]
    assert resource == "data-share"
