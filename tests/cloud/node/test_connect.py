"""The second door on a real node: a thin client outside, the stack's gateway with TLS, and drivers and executors that are Pods.

test_packets.py has which ports are open to whom, also with Spark Connect; tests/cloud/test_connect.py has hostile headers and tokens.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.names import SPARK_NAMESPACE
from tests.cloud import deployed
from tests.cloud.deployed import NOTEBOOKS
from tests.cloud.node import interpreters, platform, zeppelin
from tests.cloud.node.cluster import Cluster
from tests.cloud.node.interpreters import EXECUTORS, Interpreter
from tests.cloud.node.platform import Platform
from tests.cloud.thin_client import RefusedError, ask
from tests.support.certificates import self_signed
from tests.support.eventually import eventually
from tests.support.stack_files import connected

HOST = "gaia.example.org"
ALICE, LATE = "spark-alice-2abcdefgh-driver", "spark-alice-2abcdefgh-begins"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def deployment(bare: Cluster, certificate: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    entry = {"kind": "load_balancer", "hostname": HOST, "tls": {"kind": "self_signed"}}
    items = deployed.objects(connected(deployed.stack(entry=entry)))
    platform.load_images(bare.nodes["node-1"], items, tmp_path_factory.mktemp("images"))
    pair = {path.name: path.read_text() for path in certificate}
    with platform.running(bare, items, {"entry-tls": pair}) as found:
        yield found


@pytest.fixture(scope="module")
def gateway(deployment: Platform) -> Iterator[str]:
    with zeppelin.entrance(deployment, 443) as address:
        yield address


@pytest.fixture(scope="module")
def alice(deployment: Platform) -> Iterator[Interpreter]:
    with interpreters.running(deployment, ALICE) as found:
        yield found


@pytest.fixture(scope="module")
def url(alice: Interpreter, gateway: str) -> str:
    """The address that a person reads in their notebook, with the gateway's own in the place of the public name."""
    found = alice("(__import__('sys').path.append('/opt/platform'), __import__('connect_url').url(__import__('os').environ))[1]")
    assert found.startswith(f"sc://{HOST}:443/;x-driver={ALICE};token=")
    return found.replace(f"{HOST}:443", gateway)


def test_a_laptop_computes_on_executors_that_are_pods(deployment: Platform, certificate: tuple[Path, Path], url: str):
    """SQL, data frames and Python functions, which run in the executors' Python."""
    answers = ask(
        url,
        certificate[0],
        "spark.sql('select sum(id) as total from range(1000)').first().total",
        "spark.range(0, 100000, 1, 4).groupBy((functions.col('id') % 7).alias('k')).count().count()",
        "doubled(1000)",
        "hosts()",
        "int(spark.range(1000).toPandas()['id'].sum())",
        "spark.conf.get('spark.app.id')",
    )
    assert answers == [499500, 7, 999000, [True, False], 499500, ALICE]
    executors = deployment.pods(NOTEBOOKS, EXECUTORS)
    assert {pod["metadata"]["labels"]["gaia-dmp/user"] for pod in executors} == {"alice"}


def test_a_wrong_token_is_refused(certificate: tuple[Path, Path], url: str):
    with pytest.raises(RefusedError, match="Invalid authentication token"):
        ask(url + "x", certificate[0], "spark.range(1).count()")


@pytest.mark.parametrize("pod", ["zeppelin-server", "spark-history"])
def test_the_gateway_leads_to_drivers_alone(certificate: tuple[Path, Path], gateway: str, pod: str):
    with pytest.raises(RefusedError, match="No driver is called so"):
        ask(f"sc://{gateway}/;token=x;x-driver={pod}", certificate[0], "spark.range(1).count()")


def test_a_driver_that_is_not_there_is_told_at_once(certificate: tuple[Path, Path], gateway: str):
    with pytest.raises(RefusedError, match="This driver has ended"):
        ask(f"sc://{gateway}/;token=x;x-driver=spark-alice-2ended000-driver", certificate[0], "spark.range(1).count()")


def test_a_client_waits_for_a_driver_that_starts(deployment: Platform, certificate: tuple[Path, Path], gateway: str, url: str):
    """The Pod is there, and Spark is not yet. The token of another driver is wrong there; that it says so shows that it was reached."""
    late = url.replace(ALICE, LATE)
    assert late != url
    with interpreters.made(deployment, LATE) as pod, ThreadPoolExecutor(1) as pool:
        answer = pool.submit(ask, late, certificate[0], "spark.range(10).count()", seconds=300)
        interpreters.start(deployment, pod, "spark", {})
        assert not answer.done()
        with pytest.raises(RefusedError, match="Invalid authentication token"):
            answer.result(300)


def test_no_executor_has_the_token(deployment: Platform, alice: Interpreter, url: str, certificate: tuple[Path, Path]):
    token = url.split(";token=")[1]
    assert len(token) == 64
    assert ask(url, certificate[0], "doubled(100)") == [9900]
    seen = alice("sc.parallelize([1], 1).map(lambda _: open('/proc/self/environ').read() + open('/proc/1/environ').read()).collect()")
    assert "SPARK_EXECUTOR_ID" in seen[0]
    assert token not in seen[0]
    for kind in ("pods", "services", "configmaps", "events"):
        assert token not in str(deployment.api.items(f"/api/v1/namespaces/{SPARK_NAMESPACE}/{kind}"))
    assert token not in alice.log()
    eventually(lambda: alice("wait(lambda: executors() == 0, 240)") is not None)
