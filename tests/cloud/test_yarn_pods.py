"""A stack with Yarn on a real API server: its Pods are let in, and Zeppelin makes drivers with no token and their person's folders."""

from collections.abc import Iterator

import pytest

from tests.cloud import deployed, pods
from tests.cloud.api import Api, ApiError, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.support.eventually import eventually
from tests.support.stack_files import with_yarn

PODS = f"/api/v1/namespaces/{NOTEBOOKS}/pods"


@pytest.fixture(scope="module")
def items() -> list[Object]:
    return deployed.objects(with_yarn(deployed.stack(), workers=2, cores=4, memory_gib=8, scratch_gib=10))


@pytest.fixture(scope="module")
def api(items: list[Object]) -> Iterator[Api]:
    with deployed.standing(items) as found:
        yield found


@pytest.fixture(scope="module")
def driver(items: list[Object]) -> Object:
    return pods.rendered(items, {})[0][0]


@pytest.fixture(scope="module")
def zeppelin(api: Api) -> Iterator[Api]:
    server = api.acting_as(api.token(SERVER, "zeppelin-server"))
    yield server
    server.close()


def test_the_daemons_are_let_in_and_have_no_token(api):
    def found() -> dict[str, Object]:
        return {each["metadata"]["name"]: each for each in api.items(PODS, labelSelector="app.kubernetes.io/name=yarn")}

    eventually(lambda: sorted(found()) == ["yarn-0", "yarn-worker-0", "yarn-worker-1"], pause=1)
    eventually(lambda: {each["spec"].get("nodeName") is None for each in found().values()} == {False}, pause=1)
    assert {volume["name"] for each in found().values() for volume in each["spec"]["volumes"]} == {
        "conf", "tmp", "scratch", "staging", "data-0",
    }  # fmt: skip


def test_zeppelin_makes_a_driver_without_a_token(zeppelin, driver):
    made = zeppelin.create(driver)
    assert [volume["name"] for volume in made["spec"]["volumes"] if "projected" in volume] == []
    (container,) = made["spec"]["containers"]
    environment = {each["name"]: each.get("value") for each in container["env"]}
    assert (environment["HADOOP_USER_NAME"], environment["YARN_CONF_DIR"]) == ("alice", "/opt/zeppelin/yarn-conf")
    assert {each["mountPath"]: each["subPath"] for each in container["volumeMounts"] if each["name"] == "history"} == {
        "/history": "alice",
        "/staging/alice": ".yarn/alice",
    }


def test_a_driver_with_the_folder_of_another_is_refused(zeppelin, driver):
    (container,) = driver["spec"]["containers"]
    index = next(index for index, each in enumerate(container["volumeMounts"]) if each["mountPath"] == "/staging/alice")
    for folder in ("bob-example-org", ".yarn/bob-example-org", ".yarn", None):
        hostile = pods.changed(driver, f"spec/containers/0/volumeMounts/{index}/subPath", folder)
        with pytest.raises(ApiError, match="a driver may mount only its person's folder of event logs"):
            zeppelin.create(hostile)


def test_a_person_in_yarn_is_who_the_server_says(items):
    """The environment that a notebook's setting may have does not stand for the person's name."""
    change = {"zeppelin.k8s.envs": {"HADOOP_USER_NAME": "bob", "YARN_CONF_DIR": "/tmp"}}
    ((pod, _),) = pods.rendered(items, change)
    found = [(each["name"], each["value"]) for each in pod["spec"]["containers"][0]["env"]]
    assert [value for name, value in found if name == "HADOOP_USER_NAME"] == ["alice"]
    assert [value for name, value in found if name == "YARN_CONF_DIR"] == ["/opt/zeppelin/yarn-conf"]
