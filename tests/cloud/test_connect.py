"""Spark Connect through the gateway: real drivers with the plug-in, a real nginx with TLS, a thin client with neither Java nor jars.

The gateway's files, the drivers' names and their port are those of a cluster. A name server of this test says at which address of the
loopback each driver is.
"""

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from components.names import CONNECT_PORT, SPARK_NAMESPACE
from tests.cloud import deployed, driver
from tests.cloud.api import Api, Object
from tests.cloud.driver import Driver
from tests.cloud.kubelet import Kubelet
from tests.cloud.thin_client import RefusedError, ask
from tests.support.certificates import self_signed
from tests.support.dns import names
from tests.support.eventually import eventually
from tests.support.gateway import Backend, configure, needs_nginx, serve
from tests.support.rpc import recorder
from tests.support.servers import free_ports, serving
from tests.support.stack_files import connected

pytestmark = needs_nginx
HOST = "gaia.example.org"
ALICE, BOB = "spark-alice-2abcdefgh-driver", "spark-bob-2abcdefgh-driver"
ENDED = "spark-alice-2ended000-driver"


@dataclass
class Door:
    """The gateway, and the drivers behind it. addresses: of drivers, by the names that a cluster has for them."""

    port: int
    folder: Path
    addresses: dict[str, str] = field(default_factory=dict)
    drivers: dict[str, Driver] = field(default_factory=dict)

    def named(self, pod: str, address: str) -> None:
        """Let the cluster's DNS know a driver."""
        self.addresses[f"{pod}.{SPARK_NAMESPACE}.svc.cluster.local"] = address

    def url(self, pod: str) -> str:
        """The address that a person reads in their notebook, with this test's gateway in the place of the public name."""
        return self.drivers[pod]("__import__('connect_url').url(__import__('os').environ)").replace(f"{HOST}:443", f"127.0.0.1:{self.port}")

    def ask(self, url: str, *expressions: str, seconds: float = 180, certificate: Path | None = None) -> list[Any]:
        """What a client finds. Raises RefusedError."""
        return ask(url, certificate or self.folder / "tls.crt", *expressions, seconds=seconds)

    def logs(self) -> str:
        """All that nginx has written."""
        return "".join((self.folder / name).read_text() for name in ("access.log", "error.log"))


@pytest.fixture(scope="module")
def items() -> list[Object]:
    entry = {"kind": "load_balancer", "hostname": HOST, "tls": {"kind": "self_signed"}}
    return deployed.objects(connected(deployed.stack(entry=entry)))


@pytest.fixture(scope="module")
def api(items: list[Object]) -> Iterator[Api]:
    with deployed.standing(items) as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("connect")


@pytest.fixture(scope="module")
def gateway(folder: Path) -> Iterator[Door]:
    place = folder / "gateway"
    place.mkdir()
    self_signed(place)
    plain, tls = free_ports(2)
    door = Door(tls, place)
    with serving(Backend) as backend, names(door.addresses) as resolver:
        nginx = serve(place, configure(place, "gateway-tls.conf", backend, plain, tls=tls, resolver=resolver), plain)
        yield door
        nginx.terminate()
        nginx.wait()


@pytest.fixture(scope="module")
def door(api: Api, items: list[Object], folder: Path, gateway: Door) -> Iterator[Door]:
    """The gateway with a driver of alice and one of bob."""
    kubelet = Kubelet(api, "4.0", folder / "executors")
    kubelet.start()
    # Addresses that another run of this test on the same machine does not have.
    begin = f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(250)}"
    with _driver(api, items, folder, ALICE, f"{begin}.1") as alice, _driver(api, items, folder, BOB, f"{begin}.2") as bob:
        for pod, address, each in ((ALICE, f"{begin}.1", alice), (BOB, f"{begin}.2", bob)):
            gateway.drivers[pod] = each
            gateway.named(pod, address)
        yield gateway
    kubelet.stop()


def _driver(api: Api, items: list[Object], folder: Path, pod: str, address: str) -> Any:
    variables = {
        "SPARK_CONNECT_AUTHENTICATE_TOKEN": secrets.token_hex(32),
        "CONNECT_ADDRESS": f"sc://{HOST}:443/;x-driver={pod}",
    }
    return driver.running(
        api,
        items,
        folder / pod,
        minor="4.0",
        name=pod,
        person=pod.split("-")[1] if pod != BOB else "bob@example.org",
        hostile={"spark.connect.grpc.binding.address": address},
        variables=variables,
    )


def test_a_laptop_uses_the_spark_of_a_notebook(door: Door, record_property):
    """SQL, data frames, Python functions on executors, and what the notebook itself has."""
    door.drivers[ALICE]("spark.range(5).createOrReplaceGlobalTempView('mine')")
    begin = time.monotonic()
    answers = door.ask(
        door.url(ALICE),
        "spark.sql('select sum(id) as total from range(1000)').first().total",
        "spark.range(100000).groupBy((functions.col('id') % 7).alias('k')).count().count()",
        "doubled(1000)",
        "hosts()",
        "[list(row) for row in spark.createDataFrame([(1, 'a'), (2, 'b')], ['n', 's']).where('n > 1').collect()]",
        "int(spark.range(1000).toPandas()['id'].sum())",
        "spark.table('global_temp.mine').count()",
        "spark.conf.get('spark.app.id')",
    )
    record_property("seconds from nothing to the last answer", round(time.monotonic() - begin, 1))
    assert answers == [499500, 7, 999000, [True, False], [[2, "b"]], 499500, 5, ALICE]


@pytest.mark.parametrize("wrong", ["token={token}x", "token={upper}", "token={half}", "use_ssl=true"])
def test_a_wrong_token_and_none_are_refused_by_the_driver(door: Door, wrong: str):
    address, token = door.url(ALICE).split(";token=")
    url = f"{address};" + wrong.format(token=token, upper=token.upper(), half=token[:32])
    with pytest.raises(RefusedError, match="Invalid authentication token" if "token=" in wrong else "No authentication token provided"):
        door.ask(url, "spark.range(1).count()")


def test_the_token_of_another_person_opens_nothing(door: Door):
    alice, bob = door.url(ALICE), door.url(BOB)
    for driver_, token in ((alice, bob), (bob, alice)):
        with pytest.raises(RefusedError, match="Invalid authentication token"):
            door.ask(driver_.split(";token=")[0] + ";token=" + token.split(";token=")[1], "spark.range(1).count()")
    assert door.ask(bob, "spark.conf.get('spark.app.id')") == [BOB]


@pytest.mark.parametrize(
    "pod",
    [
        "",
        "zeppelin-server",
        "spark-history",
        "md-alice-2abcdefgh-driver",
        "gate.evil.example.org",
        f"{ALICE}.evil.example.org",
        f"{ALICE}:4040",
        f"{ALICE}@evil",
        "spark-alice-2abcdefgh-DRIVER",
    ],
)
def test_the_gateway_leads_to_drivers_alone(gateway: Door, pod: str):
    with pytest.raises(RefusedError, match="No driver is called so"):
        gateway.ask(f"sc://127.0.0.1:{gateway.port}/;token=x" + (f";x-driver={pod}" if pod else ""), "spark.range(1).count()")


def test_an_address_ends_with_its_driver_and_the_client_is_told_at_once(gateway: Door):
    begin = time.monotonic()
    with pytest.raises(RefusedError, match="This driver has ended"):
        gateway.ask(f"sc://127.0.0.1:{gateway.port}/;token=x;x-driver={ENDED}", "spark.range(1).count()")
    assert time.monotonic() - begin < 60


@pytest.mark.parametrize("how", ["no TLS", "a certificate that the client does not trust"])
def test_nothing_passes_without_tls(door: Door, how: str):
    """The client itself speaks TLS as soon as there is a token, and goes on trying."""
    url, before = door.url(ALICE), door.logs().count("SparkConnectService")
    url = url.split(";token=")[0] + ";use_ssl=false" if how == "no TLS" else url
    trusted = None if how == "no TLS" else Path("/etc/ssl/certs/ca-certificates.crt")
    with pytest.raises(subprocess.TimeoutExpired):
        door.ask(url, "spark.range(1).count()", seconds=15, certificate=trusted)
    assert door.logs().count("SparkConnectService") == before


def test_a_client_waits_for_a_driver_that_does_not_answer_yet(door: Door, record_property):
    """Its name is known, its port closed: so is a driver's from the start of its Pod until Spark has started."""
    address = door.addresses[f"{BOB}.{SPARK_NAMESPACE}.svc.cluster.local"]
    door.named(BOB, address.rsplit(".", 1)[0] + ".99")
    url, begin = door.url(BOB), time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(door.ask, url, "spark.range(10).count()")
        time.sleep(8)
        assert not answer.done()
        door.named(BOB, address)
        assert answer.result(120) == [10]
    record_property("seconds until a late driver answered", round(time.monotonic() - begin, 1))


def test_the_token_stands_nowhere_else(door: Door, api: Api, folder: Path):
    """Not in a log, an object of Kubernetes, a setting, the event log, or what an executor is started with."""
    token = door.url(ALICE).split(";token=")[1]
    assert len(token) == 64
    door.ask(door.url(ALICE), "doubled(100)")
    assert token not in door.logs()
    assert "POST /spark.connect.SparkConnectService/ExecutePlan" in door.logs()
    for kind in ("pods", "services", "configmaps", "events"):
        assert token not in json.dumps(api.items(f"/api/v1/namespaces/{SPARK_NAMESPACE}/{kind}"))
    settings = door.drivers[ALICE]("dict(sc.getConf().getAll())")
    assert token not in json.dumps(settings)
    assert settings["spark.connect.grpc.binding.port"] == str(CONNECT_PORT)
    written = [path for path in folder.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
    assert written == []
    assert [path.name for path in folder.rglob("*") if path.name.startswith("events_")] != []
    started = [
        path.read_bytes() for path in Path("/proc").glob("[0-9]*/environ") if _readable(path) and b"SPARK_EXECUTOR_ID" in path.read_bytes()
    ]
    assert started != []
    assert [each for each in started if token.encode() in each] == []


def test_a_query_counts_as_use_and_an_open_session_does_not(door: Door):
    """What keeps an interpreter from its idle end, in a driver as a notebook has it; test_connect_url.py has Zeppelin's own part."""
    bob, url = door.drivers[BOB], door.url(BOB)
    with recorder() as interpreter:
        for name, value in (("INTERPRETER_PORT", interpreter.port), ("EVERY", 1)):
            bob(f"setattr(__import__('connect_url'), '{name}', {value})")
        bob("__import__('connect_url').connect_url()")
        time.sleep(4)
        assert interpreter.got == []
        assert door.ask(url, "slow(8)") == [0]
        eventually(lambda: len(interpreter.got) >= 5)
        time.sleep(3)
        used = len(interpreter.got)
        # One query, and a session that stays open after it.
        door.ask(url, "spark.range(1).count()", "time.sleep(10)")
        assert 1 <= len(interpreter.got) - used <= 5


def _readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True
