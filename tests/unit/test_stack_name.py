"""A stack's name becomes a part of other names: what Kubernetes or an S3 server would refuse is refused before anything is registered."""

import pytest

from settings import StackFileError, load, load_file
from tests.support.stack_files import ROOT, as_config, document


def refused(stack: str, data: dict | None = None) -> str:
    with pytest.raises(StackFileError) as caught:
        load(as_config(data or document("dev")), set(), f"Pulumi.{stack}.yaml", need_secrets=False)
    return str(caught.value)


@pytest.mark.parametrize("stack", ["Dev", "dev_1", "-x", "x-", "a..b", ".a", "a.", "", "../x", "a" * 55])
def test_what_kubernetes_would_refuse(stack):
    words = refused(stack)
    assert "stack" in words
    assert "lower-case letters, digits, dashes and dots, a letter or digit at both ends, at most 54 characters" in words


@pytest.mark.parametrize("stack", ["dev", "1", "my.stack", "blue-2", "a" * 54])
def test_what_kubernetes_takes(stack):
    assert load(as_config(document("dev")), set(), f"Pulumi.{stack}.yaml", need_secrets=False).protection == "off"


def test_a_name_is_refused_before_a_file_is_looked_for():
    with pytest.raises(StackFileError, match="must be a name that Kubernetes accepts"):
        load_file(ROOT, "../Pulumi")


def test_a_folder_that_is_not_there_is_named():
    with pytest.raises(StackFileError, match="there is no folder /nonexistent"):
        load_file(ROOT.__class__("/nonexistent"), "dev")


STORE = {
    "project": "iris-gaia-buckets",
    "clouds_yaml": "iris-gaia-buckets",
    "endpoint": "https://object.example.org",
    "buckets": [{"name": "results"}],
}


@pytest.mark.parametrize(
    ("stack", "words"),
    [
        ("a" * 47, f"gives the bucket name gaia-dmp-{'a' * 47}-results, which has 64 characters"),
        ("my.stack", "gives the bucket name gaia-dmp-my.stack-results: a dot in it breaks HTTPS and Spark's settings"),
    ],
)
def test_a_bucket_that_no_server_takes(stack, words):
    assert words in refused(stack, document("dev") | {"gaia-dmp:object_store": STORE})


def test_a_share_that_the_stack_itself_makes_is_not_adopted():
    """What makes it would be taken for gone with the next change, and with `on_destroy: delete` the adopted data with it."""
    data = document("dev")
    data["gaia-dmp:cloud"]["data_project"] = {"project": "iris-gaia-data", "clouds_yaml": "iris-gaia-data"}
    data["gaia-dmp:datasets"] += [
        {"name": name, "mount_path": f"/data/{name}", "source": {"kind": "adopt", "share": f"gaia-dmp-{share}", "project": project}}
        # Only the first is the stack's own.
        for name, share, project in (("a", "dev-sample", "compute"), ("b", "dev-sample", "data"), ("c", "green-sample", "compute"))
    ]
    data["gaia-dmp:spark"]["history"] = {"kind": "share", "size_gib": 1}
    data["gaia-dmp:zeppelin"] |= {
        "user_space": {"kind": "share", "size_gib": 1, "on_destroy": "delete"},
        "backup": {"target": {"kind": "share"}, "password_secret": "p"},
        "people": [
            {"name": "alice", "space_share": "gaia-dmp-dev-user-bob-example-org"},
            {"name": "bob@example.org"},
            {"name": "carol", "space_share": "gaia-dmp-dev-backup"},
            {"name": "dan", "space_share": "gaia-dmp-dev-history"},
            {"name": "eve", "space_share": "gaia-dmp-dev-notebooks"},
            {"name": "frank", "space_share": "gaia-dmp-dev-user-grace"},
            {"name": "grace", "state": "away"},
            # Nobody makes it: the stack left it behind when she was taken off the list.
            {"name": "heidi", "space_share": "gaia-dmp-dev-user-heidi"},
        ],
    }
    words = refused("dev", data)
    assert "Pulumi.dev.yaml: 6 errors" in words
    for key, share, whose in (
        ("datasets[1].source.share", "sample", "datasets[0]"),
        ("zeppelin.people[0].space_share", "user-bob-example-org", "/user/bob@example.org"),
        ("zeppelin.people[2].space_share", "backup", "zeppelin.backup.target"),
        ("zeppelin.people[3].space_share", "history", "spark.history"),
        ("zeppelin.people[4].space_share", "notebooks", "zeppelin.notebooks"),
        ("zeppelin.people[5].space_share", "user-grace", "/user/grace"),
    ):
        assert f"  gaia-dmp:{key}: gaia-dmp-dev-{share}\n      is the share that this stack makes for {whose}\n" in words
