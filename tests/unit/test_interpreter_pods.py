"""What the server's Pod knows of interpreters, by the Kubernetes API."""

import urllib.error
from pathlib import Path

import pytest

from components.zeppelin.files.interpreter_pods import InterpreterPods, address, newest, setting_of
from tests.support.rpc import pod, pods_api

GROUP = "spark-alice-bob-2ABCDEFGH"


@pytest.mark.parametrize(("host", "expected"), [("10.254.0.1", "https://10.254.0.1:443"), ("fd00:10:96::1", "https://[fd00:10:96::1]:443")])
def test_where_the_api_is(host: str, expected: str):
    """As client-go's InClusterConfig has it (kubernetes/client-go: rest/config.go)."""
    assert address({"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}) == expected


def test_the_newest_of_an_interpreter_is_the_last_that_has_not_ended():
    """`spark-alice-bob-NOTE` is what bob has of the setting `spark-alice`, and what alice-bob has of `spark`."""
    shown = [
        pod("127.0.1.3", GROUP, "Pending", setting="spark", made=3),
        pod("127.0.1.1", GROUP, setting="spark", made=1),
        pod("127.0.1.4", GROUP, "Failed", setting="spark", made=4),
        pod("127.0.1.2", GROUP, setting="spark-alice", made=2),
    ]
    found = {interpreter: pod["status"]["podIP"] for interpreter, pod in newest(shown).items()}
    assert found == {("spark", GROUP): "127.0.1.3", ("spark-alice", GROUP): "127.0.1.2"}


@pytest.mark.parametrize("container", [{}, {"args": None}, {"args": ["-r", "12321:12321"]}, {"args": ["-g"]}])
def test_a_pod_that_names_no_setting_has_none(container: dict[str, list[str] | None]):
    assert setting_of({"spec": {"containers": [container]}}) is None


def test_a_pod_that_is_gone_already_is_deleted_and_another_fault_is_told(tmp_path: Path):
    with pods_api(tmp_path / "api") as api:
        pods = InterpreterPods("gaia-spark", api.environment)
        for name in ("first", "second"):
            api.show(name, pod("127.0.1.1", name))
        for _ in range(2):
            pods.delete("first")
        assert [found["metadata"]["annotations"] for found in pods.list()] == [{"gaia-dmp/interpreter-group": "second"}]
        (tmp_path / "api/token").write_text("wrong")
        with pytest.raises(urllib.error.HTTPError, match="401"):
            pods.delete("second")
