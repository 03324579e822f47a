"""A server of models and the people who use it.

The server knows a Pod by its address, as a real API server tells it: Pods have addresses of the loopback here.
"""

from collections.abc import Iterator

import pytest

from tests.cloud import deployed
from tests.cloud.api import Api
from tests.cloud.deployed import SERVER
from tests.cloud.models.addresses import ADMIN, ALICE, BOB, CHECK, EXECUTOR, GATEWAY, GUEST, HOST, OTHER_GATEWAY
from tests.cloud.models.server import Client, Models, access, client, pod
from tests.support.stack_files import connected, with_models

DRIVER = "zeppelin-interpreter"


@pytest.fixture(scope="module")
def items() -> list[deployed.Object]:
    entry = {"kind": "load_balancer", "hostname": HOST, "tls": {"kind": "self_signed"}}
    return deployed.objects(connected(with_models(deployed.stack(entry=entry))))


@pytest.fixture(scope="module")
def api(items) -> Iterator[Api]:
    with deployed.standing(items) as found:
        for number, address in enumerate((GATEWAY, OTHER_GATEWAY)):
            pod(found, f"gateway-{number}", address, SERVER, name="zeppelin", component="gateway")
        for name, address, kind, user in (
            ("alice", ALICE, DRIVER, "alice"),
            ("bob", BOB, DRIVER, "bob-example-org"),
            ("executor", EXECUTOR, "spark-executor", "alice"),
            ("guest", GUEST, DRIVER, "guest.carol"),
            ("check", CHECK, "dataset-check", "alice"),
            ("admin", ADMIN, DRIVER, "admin"),
        ):
            pod(found, name, address, name=kind, user=user)
        yield found


@pytest.fixture(scope="module")
def models(api: Api, items, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Models]:
    folder = tmp_path_factory.mktemp("models")
    server = Models(items, folder, access(api, folder))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def people(models: Models) -> Iterator[dict[str, Client]]:
    """Clients in the Pods of people."""
    with (
        client(ALICE, models.port, models.folder) as alice,
        client(BOB, models.port, models.folder) as bob,
        client(EXECUTOR, models.port, models.folder) as executor,
        client(ADMIN, models.port, models.folder) as admin,
    ):
        yield {"alice": alice, "bob": bob, "executor": executor, "admin": admin}


@pytest.fixture(scope="module")
def made(people) -> list[str]:
    """The run and the version of a model of alice's."""
    return people["alice"]("train('stars', 'teff')")[0]
