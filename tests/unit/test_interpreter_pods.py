"""What the server's Pod knows of interpreters, by the Kubernetes API."""

import urllib.error
from pathlib import Path

import pytest

from components.zeppelin.files.interpreter_pods import FAULTS, InterpreterPods, address, setting_of
from tests.support.certificates import self_signed
from tests.support.rpc import pod, pods_api
from tests.support.servers import Quiet, serving


@pytest.mark.parametrize(("host", "expected"), [("10.254.0.1", "https://10.254.0.1:443"), ("fd00:10:96::1", "https://[fd00:10:96::1]:443")])
def test_where_the_api_is(host: str, expected: str):
    """As client-go's InClusterConfig has it (kubernetes/client-go: rest/config.go)."""
    assert address({"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": "443"}) == expected


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


def test_no_proxy_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The server's container has one where the stack says so, and its exceptions may be networks, which Python does not know."""
    # Python heeds both ways to write them, the small letters first.
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "10.0.0.0/8,127.0.0.0/8")
    with pods_api(tmp_path / "api") as api:
        api.show("first", pod("127.0.1.1", "first"))
        assert len(InterpreterPods("gaia-spark", api.environment).list()) == 1


@pytest.mark.parametrize("broken", ["null", "[]", "{}", "{"])
def test_an_answer_that_is_no_list_of_pods_is_a_fault(tmp_path: Path, broken: str):
    class Handler(Quiet):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(broken.encode())

    pair = self_signed(tmp_path)
    (tmp_path / "token").write_text("right")
    with serving(Handler, pair=pair) as server:
        environment = {"API": f"https://{server}", "TOKEN_FILE": str(tmp_path / "token"), "CA_FILE": str(pair[0])}
        with pytest.raises(FAULTS):
            InterpreterPods("gaia-spark", environment).list()
