"""The gateway's image runs our configuration, as its user and with a read-only file system."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from components.access.gateway import _START, _UID
from components.files import text
from images.recipes import RECIPES
from tests.cloud.images.container import Container
from tests.support.certificates import self_signed


@pytest.fixture(scope="module")
def gateway(container: Callable[[str], Container]) -> Container:
    made = container("gateway")
    (made.root / "etc/nginx/tls").mkdir()
    return made


def mounts(folder: Path, server: str) -> dict[Path, str]:
    """What the Pod mounts. server: our file for a load balancer, or for an Ingress. nginx looks names up as it starts."""
    config, tls = folder / "conf.d", folder / "tls"
    config.mkdir()
    tls.mkdir()
    for name, source in {
        "default.conf": server,
        "locations.inc": "gateway-locations.conf",
        "gate.inc": "gateway-gate.conf",
        "way-history.inc": "gateway-history.conf",
        "way-grafana.inc": "gateway-grafana.conf",
        "way-connect.inc": "gateway-connect.conf",
        "spark-ui.js": "gateway-spark-ui.js",
    }.items():
        content = re.sub(r"(zeppelin-server:808[01]|gate:4180)", "127.0.0.1:9", text(f"access/files/{source}"))
        content = content.replace("@http2@", "http2 on;" if server == "gateway-plain.conf" else "").replace(
            "@drivers@", "spark|spark-large"
        )
        (config / name).write_text(content)
    for certificate in self_signed(tls):
        certificate.chmod(0o644)
    (folder / "nginx.conf").write_text(text("access/files/gateway-nginx.conf"))
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return {config: "/etc/nginx/conf.d", tls: "/etc/nginx/tls", folder / "nginx.conf": "/etc/nginx/nginx.conf"}


@pytest.mark.parametrize("server", ["gateway-plain.conf", "gateway-tls.conf"])
def test_our_configuration_is_accepted(gateway, tmp_path, server):
    done = gateway.run("timeout", "60", "sh", "-ec", _START.replace("exec nginx", "nginx -t"), mounts=mounts(tmp_path, server))
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "nginx: configuration file /etc/nginx/nginx.conf test is successful"


def test_a_wrong_configuration_is_refused(gateway, tmp_path):
    given = mounts(tmp_path, "gateway-plain.conf")
    (tmp_path / "conf.d" / "default.conf").write_text("nonsense;\n")
    # It goes on trying, because a name that is not there yet fails in the same way.
    done = gateway.run("timeout", "5", "sh", "-ec", _START, mounts=given)
    assert done.returncode == 124
    assert 'unknown directive "nonsense"' in done.stdout


def test_it_serves_as_its_user_and_writes_its_log_to_stdout(gateway, tmp_path):
    """The request comes from bash, as the image has no other client. It ends at a Zeppelin that is not there: 502."""
    ask = "exec 3<>/dev/tcp/127.0.0.1/8080; printf 'GET %s HTTP/1.0\\r\\n\\r\\n' \"$1\" >&3; head -n 1 <&3"
    script = (
        '(sh -ec "$START" &) ; for i in $(seq 100); do (exec 3<>/dev/tcp/127.0.0.1/8080) 2> /dev/null && break; '
        f"sleep 0.1; done; ask() {{ {ask}; }}; ask /gateway-alive; ask /metrics; stat -c %u /proc/$(cat /tmp/nginx.pid)"
    )
    given = mounts(tmp_path, "gateway-plain.conf")
    (tmp_path / "conf.d" / "gate.inc").unlink()
    done = gateway.run("bash", "-c", script, mounts=given, START=_START)
    assert [line for line in done.stdout.splitlines() if line.startswith("HTTP/")] == ["HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found"]
    assert str(_UID) in done.stdout.splitlines()
    assert '"GET /metrics HTTP/1.0" 404' in done.stdout


def test_it_is_the_user_of_the_pod():
    assert RECIPES["gateway"].user == _UID == 101


def test_the_images_own_configuration_is_accepted(gateway):
    done = gateway.run("nginx", "-t")
    assert done.returncode == 0, done.stdout


def test_nothing_of_the_builder_is_inside(gateway):
    """Host names and resolvers come from the kubelet; a machine's number would make two machines one."""
    left = [name for name in ("etc/hostname", "etc/machine-id", "var/lib/dpkg/status-old") if (gateway.root / name).exists()]
    assert left == []
    assert shutil.which("gcc", path=str(gateway.root / "usr/bin")) is None
