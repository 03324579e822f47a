"""The cluster's CA, and who its clients are."""

import json
from pathlib import Path

from tests.cloud.node.machine import call


def authority(folder: Path) -> None:
    """Make `ca.crt` and `ca.key`."""
    request = "openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=gaia-dmp-tests"
    call(*request.split(), "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt")


def client(folder: Path, name: str, user: str, group: str) -> None:
    """Make `<name>.crt` and `<name>.key`, by which somebody is this user of this group."""
    request = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -addext extendedKeyUsage=clientAuth"
    issuer = ("-CA", f"{folder}/ca.crt", "-CAkey", f"{folder}/ca.key")
    call(*request.split(), "-subj", f"/O={group}/CN={user}", *issuer, "-keyout", f"{folder}/{name}.key", "-out", f"{folder}/{name}.crt")


def kubeconfig(folder: Path, name: str, user: str, group: str, url: str) -> Path:
    """Make such a client, and the file by which it finds the API server."""
    client(folder, name, user, group)
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority": f"{folder}/ca.crt"}}],
        "users": [{"name": name, "user": {"client-certificate": f"{folder}/{name}.crt", "client-key": f"{folder}/{name}.key"}}],
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": name}}],
        "current-context": "test",
    }
    path = folder / f"{name}.kubeconfig"
    path.write_text(json.dumps(config))
    return path
