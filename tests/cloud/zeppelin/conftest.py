"""One server for all tests of this folder, with a gateway before it and bob's notebook in it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.cloud.zeppelin.person import Person
from tests.cloud.zeppelin.server import Running, zeppelin
from tests.support.gateway import configure, serve
from tests.support.servers import free_ports


@dataclass(frozen=True)
class Platform:
    """What the tests meet."""

    server: Running
    """Zeppelin itself."""

    gateway: str
    """host:port of the gateway."""

    alice: Person
    """A stranger to bob's notebook, at the gateway."""

    bob: Person
    """The owner of one notebook, at the gateway."""

    root: Person
    """The administrator, at the gateway."""

    note: str
    """Id of bob's notebook."""


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder, web = tmp_path_factory.mktemp("zeppelin"), tmp_path_factory.mktemp("gateway")
    (port,) = free_ports(1)
    gateway = f"127.0.0.1:{port}"
    with zeppelin(folder, f"http://{gateway}") as server:
        process = serve(web, configure(web, "gateway-plain.conf", server.address, port, messages=server.messages), port)
        try:
            alice, bob, root = (Person(name, gateway) for name in ("alice", "bob", "root"))
            yield Platform(server=server, gateway=gateway, alice=alice, bob=bob, root=root, note=bob.notebook("/Bob/secret", "%md secret"))
        finally:
            process.terminate()
            process.wait()
