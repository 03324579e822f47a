"""The interpreter template by the real renderer, over hostile values: what comes out is in the schema, restricted, and let in."""

import itertools
import re
from typing import Any

import pytest

from preview import manifests
from tests.cloud import pods
from tests.cloud.api import Api, ApiError
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.support.hostile import HOSTILE

FIELDS = ("user", "group.id", "pod.name", "setting.name")


@pytest.fixture(scope="module")
def outputs(items) -> dict[tuple[str, str], list[Any]]:
    """Every hostile value in every place, rendered by jinjava."""
    places = [f"zeppelin.k8s.interpreter.{field}" for field in FIELDS]
    cases = list(itertools.product(places, HOSTILE))
    changes: list[dict[str, Any]] = [{place: value} for place, value in cases]
    envs = [
        {"zeppelin.k8s.envs": {"A": value, "SPARK_HOME": value, "APPLICATION_WEB_PROXY_BASE": value, f"X{value[:5]}": "1"}}
        for value in HOSTILE
    ]
    overrides = ("namespace", "serviceAccount", "container.image", "container.name", "localRepo", "rpc.portRange", "memory", "cores")
    mixed = [
        {f"zeppelin.k8s.interpreter.{key}": value for key in overrides} | {"platform": value, "platform.namespace": value}
        for value in HOSTILE
    ]
    keys = cases + [("envs", value) for value in HOSTILE] + [("overrides", value) for value in HOSTILE]
    return dict(zip(keys, pods.rendered(items, *changes, *envs, *mixed), strict=True))


@pytest.fixture(scope="module")
def plain(items) -> list[Any]:
    return pods.rendered(items, {})[0]


@pytest.fixture(scope="module")
def stranger(items) -> list[Any]:
    """What somebody gets who is not listed: no space of their own."""
    return pods.rendered(items, {"zeppelin.k8s.interpreter.user": "carol"})[0]


OWN = ("args", "env", "volumeMounts")
"""What differs from one interpreter to the next, and is looked at by itself."""


def test_every_value_stays_a_value(outputs, plain, stranger):
    """Pod and Service, in the strict schema; all that a notebook must not choose as in a harmless one."""
    for (place, value), documents in outputs.items():
        assert [document["kind"] for document in documents] == ["Pod", "Service"], (place, value)
        if not (place.endswith("pod.name") and re.sub("[^a-z0-9-]", "", value).strip("-") == ""):
            assert manifests.check(documents, "1.36") == [], (place, value)
        guest = place.endswith(".user")
        pod, expected = documents[0], (stranger if guest else plain)[0]
        for key in set(expected["spec"]) | set(pod["spec"]):
            if key not in ("containers", "initContainers", "serviceAccountName", "priorityClassName"):
                assert pod["spec"][key] == expected["spec"][key], (place, value, key)
        for role in ("containers", "initContainers"):
            for found, wanted in zip(pod["spec"][role], expected["spec"][role], strict=True):
                assert {k: v for k, v in found.items() if k not in OWN} == {k: v for k, v in wanted.items() if k not in OWN}
                mounts = [{k: v for k, v in mount.items() if k != "subPath"} for mount in found["volumeMounts"]]
                assert mounts == [{k: v for k, v in mount.items() if k != "subPath"} for mount in wanted["volumeMounts"]]
                # Whoever it is, event logs are in the folder of that label and in no other.
                folders = {mount.get("subPath") for mount in found["volumeMounts"] if mount["name"] == "history"}
                assert folders == {pod["metadata"]["labels"]["gaia-dmp/user"]}, (place, value)
        # A stranger is a guest and nobody else; alice stays alice.
        assert pod["spec"]["serviceAccountName"] == ("spark-driver" if guest else "spark-driver-alice"), (place, value)
        assert pod["metadata"]["labels"]["gaia-dmp/user"].startswith("guest" if guest else "alice")
        environment = {each["name"]: each.get("value") for each in pod["spec"]["containers"][0]["env"]}
        assert environment["SPARK_HOME"] == "/opt/spark"
        assert environment["APPLICATION_WEB_PROXY_BASE"].startswith("/spark-ui/")
        assert "$(" not in str(environment.get("A"))


def test_every_value_is_let_in_or_refused_for_its_name(api: Api, outputs):
    """By Pod Security, admission and the API server's own checks, as the Zeppelin server."""
    server = api.acting_as(api.token(SERVER, "zeppelin-server"))
    for (place, value), documents in outputs.items():
        for document in documents:
            try:
                server.call("POST", f"/api/v1/namespaces/{NOTEBOOKS}/{document['kind'].lower()}s?dryRun=All", document)
            except ApiError as error:
                if place.endswith("interpreter.user") and "an interpreter must belong to somebody who is logged in" in error.message:
                    # A name of which nothing is left.
                    continue
                name = document["metadata"]["name"]
                # No name, or one too long for a label: Zeppelin itself makes none such.
                assert place.endswith("pod.name"), (place, value, error)
                assert error.code == 422, (place, value, error)
                assert not re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", name), (place, value, error)
    server.close()


@pytest.mark.parametrize("group", ["spark", "python", "md", "sh"])
def test_each_language_is_let_in(api: Api, items, group):
    change = {f"zeppelin.k8s.interpreter.{key}.name": group for key in ("group", "setting")} | {
        "zeppelin.k8s.interpreter.pod.name": f"{group}-alice-1"
    }
    pod, service = pods.rendered(items, change)[0]
    server = api.acting_as(api.token(SERVER, "zeppelin-server"))
    for item in (pod, service):
        assert (
            server.call("POST", f"/api/v1/namespaces/{NOTEBOOKS}/{item['kind'].lower()}s?dryRun=All", item)["metadata"]["name"]
            == f"{group}-alice-1"
        )
    assert pod["spec"]["automountServiceAccountToken"] is (group == "spark")
    server.close()


def test_sizes_follow_the_profile_and_people_their_names(items):
    settings = {"spark": "spark", "spark-large": "spark-large", "made-by-hand": "spark"}
    changes = [{"zeppelin.k8s.interpreter.setting.name": name} for name in settings]
    for (pod, _), expected in zip(pods.rendered(items, *changes), settings.values(), strict=True):
        assert pod["spec"]["initContainers"][0]["args"] == [
            "spark",
            f"{expected}.person",
            "gaia-spark-executor-alice",
            "alice",
            pod["metadata"]["name"],
        ]
    stranger = pods.rendered(items, {"zeppelin.k8s.interpreter.user": "carol"})[0][0]
    assert stranger["spec"]["initContainers"][0]["args"] == [
        "spark",
        "spark",
        "gaia-spark-executor",
        "guest.carol",
        stranger["metadata"]["name"],
    ]
    mail = pods.rendered(items, {"zeppelin.k8s.interpreter.user": "bob@example.org"})[0][0]
    assert mail["spec"]["serviceAccountName"] == "spark-driver-bob-example-org"
    assert mail["metadata"]["labels"]["gaia-dmp/user"] == "bob-example-org"


def test_a_person_has_their_own_space_and_a_driver_the_keys_of_buckets(items):
    who = [{"zeppelin.k8s.interpreter.user": user} for user in ("alice", "bob@example.org", "carol")]
    markdown = {f"zeppelin.k8s.interpreter.{key}.name": "md" for key in ("group", "setting")}
    found = [_mounts(pod) for pod, _ in pods.rendered(items, *who, markdown)]
    assert [mounts.get("user") for mounts in found] == [
        ("/user/alice", "user-alice"),
        ("/user/bob-example-org", "user-bob-example-org"),
        None,
        ("/user/alice", "user-alice"),
    ]
    assert [mounts.get("hadoop-conf") for mounts in found] == [("/opt/hadoop-conf", "hadoop-conf")] * 3 + [None]


def _mounts(pod: Any) -> dict[str, tuple[str, str]]:
    """Name of a volume to its mount path and the claim or Secret it is."""
    sources = {
        volume["name"]: volume.get("persistentVolumeClaim", {}).get("claimName") or volume.get("secret", {}).get("secretName")
        for volume in pod["spec"]["volumes"]
    }
    return {each["name"]: (each["mountPath"], sources[each["name"]]) for each in pod["spec"]["containers"][0]["volumeMounts"]}
