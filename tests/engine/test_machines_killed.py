"""An engine that is killed while it makes, replaces or deletes machines: none stands twice, and none is lost.

Servers are those of Nova's fake hypervisors: nothing boots.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.engine.killed import DELAYS, Killed
from tests.engine.moments import Moments
from tests.engine.platform import Platform
from tests.engine.test_machines import LARGER, PROJECT, SECRETS, machines, on_machines, standing
from tests.support.stack_files import document

OF_UP = (
    "yarn-gateway-group",
    "yarn-gateway-from-worker-",
    "yarn-apart",
    "yarn-gateway-port",
    "yarn-worker-0-volume",
    "yarn-gateway",
    "yarn-worker-1",
    "yarn-gateway-disk",
    "yarn-public-address",
)
OF_CHANGE = ("yarn-worker-0", "yarn-worker-1", "yarn-worker-0-disk")
OF_DESTROY = ("yarn-gateway-disk", "yarn-worker-0", "yarn-gateway-port", "yarn-gateway-group")
"""How the name of a resource begins, or a whole one: the engine is killed while it makes one of them, once for each."""


def test_no_machine_stands_twice_and_none_is_lost(
    cloud: Cloud, platform: Callable[..., Platform], ready: Callable[[Platform], None], capsys: pytest.CaptureFixture[str]
) -> None:
    project: Any = connect(cloud.clouds_yaml, PROJECT)
    dev = platform("dev", on_machines(document("dev")))
    dev.secrets = SECRETS
    ready(dev)
    told = "The stack has Yarn on machines. The message is what `gaia resume <stack>` prints."
    book = Moments("killed-machines", "The engine, its plug-ins and the program are killed while machines are made", told, project)
    killed = Killed(dev, capsys, book, everything=True)
    try:
        # What was pending together is taken over together, so a slower machine has fewer kills.
        assert killed.at_each("up", OF_UP, DELAYS, "make") >= 4, book.seen
        whole = dev.up()
        assert not whole.error, whole.output[-3000:]
        assert machines(project, "gaia-dmp-dev") == standing("gaia-dmp-dev")
        assert dev.up().ops == {}

        dev.data = on_machines(document("dev"), worker=LARGER)
        workers = {"server gaia-dmp-dev-worker-0", "server gaia-dmp-dev-worker-1"}
        assert killed.at_each("up", OF_CHANGE, DELAYS, "replace", workers) >= 1
        assert machines(project, "gaia-dmp-dev") == standing("gaia-dmp-dev")
        assert dev.up().ops == {}

        assert killed.at_each("destroy", OF_DESTROY, DELAYS, "delete") >= 1
        gone = dev.destroy()
        assert not gone.error, gone.output[-3000:]
        assert machines(project, "gaia-dmp-dev") == {}
        assert dev.ids() == {}
    finally:
        book.write()
    book.well()
