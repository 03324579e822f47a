"""Whose Pod has an address, asked of a real API server with the Zeppelin server's own token."""

from pathlib import Path

from components.zeppelin.files.rpc_filter import Caller, Pods
from tests.cloud import pods
from tests.cloud.api import Api, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.support.eventually import eventually


def test_the_api_says_whose_interpreter_has_an_address(api: Api, items: list[Object], tmp_path: Path):
    """A Pod of the stack's own template, found by its address; nobody by an address that no interpreter has."""
    name = "md-alice-2abcdefgh-abcdef"
    change = {f"zeppelin.k8s.interpreter.{key}.name": "md" for key in ("group", "setting")}
    change |= {"zeppelin.k8s.interpreter.pod.name": name, "zeppelin.k8s.interpreter.group.id": "md-alice-2ABCDEFGH"}
    server = api.acting_as(api.token(SERVER, "zeppelin-server"))
    server.create(pods.rendered(items, tmp_path, change)[0][0])
    path = f"/api/v1/namespaces/{NOTEBOOKS}/pods/{name}"
    try:
        eventually(lambda: api.get(path)["status"]["phase"] == "Running")
        address = api.get(path)["status"]["podIP"]
        (tmp_path / "token").write_text(server.access.token)
        asker = Pods({"NAMESPACE": NOTEBOOKS, "API": api.access.url, "TOKEN_FILE": str(tmp_path / "token"), "CA_FILE": api.access.ca})
        assert asker.ask(address) == Caller(address, "md-alice-2ABCDEFGH", "2ABCDEFGH")
        assert asker.ask("198.51.100.7") is None
    finally:
        api.delete(path, gracePeriodSeconds="0")
        server.close()
