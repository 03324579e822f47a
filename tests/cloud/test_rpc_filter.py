"""Whose Pod has an address, asked of a real API server with the Zeppelin server's own token."""

import contextlib
import time
from pathlib import Path

from components.zeppelin.files.rpc_filter import Caller, Pods
from tests.cloud import pods
from tests.cloud.api import Api, ApiError, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.support.eventually import eventually

PODS = f"/api/v1/namespaces/{NOTEBOOKS}/pods"
GROUP = "md-alice-2ABCDEFGH"


def test_the_api_says_whose_interpreter_has_an_address(api: Api, items: list[Object], tmp_path: Path):
    """A Pod of the stack's own template, found by its address; nobody by another. And whether there is a newer."""
    server = api.acting_as(api.token(SERVER, "zeppelin-server"))
    (tmp_path / "token").write_text(server.access.token)
    asker = Pods({"NAMESPACE": NOTEBOOKS, "API": api.access.url, "TOKEN_FILE": str(tmp_path / "token"), "CA_FILE": api.access.ca})
    older, newer = (f"md-alice-2abcdefgh-{which}" for which in ("older", "newer"))

    def run(name: str) -> str:
        """The address of a new Pod, once it runs."""
        change = {f"zeppelin.k8s.interpreter.{key}.name": "md" for key in ("group", "setting")}
        change |= {"zeppelin.k8s.interpreter.pod.name": name, "zeppelin.k8s.interpreter.group.id": GROUP}
        server.create(pods.rendered(items, change)[0][0])
        eventually(lambda: api.get(f"{PODS}/{name}")["status"]["phase"] == "Running")
        return api.get(f"{PODS}/{name}")["status"]["podIP"]

    try:
        caller = Caller(run(older), GROUP, "2ABCDEFGH", "md")
        assert asker.ask(caller.address) == caller
        assert asker.ask("198.51.100.7") is None
        assert asker.ask_for_newer(caller) is False
        # The API tells the second of a creation.
        time.sleep(1)
        second = Caller(run(newer), GROUP, "2ABCDEFGH", "md")
        assert [asker.ask_for_newer(each) for each in (caller, second)] == [True, False]
    finally:
        for name in (older, newer):
            with contextlib.suppress(ApiError):
                api.delete(f"{PODS}/{name}", gracePeriodSeconds="0")
        server.close()
