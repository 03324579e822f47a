"""What a cloud would answer: one table for queries, one for what resources get from the cloud when they are made.

A query that is not in the table fails: a guessed answer would make the preview lie.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import NAMESPACE_URL, uuid5

Properties = Mapping[str, Any]


def identifier(*parts: str) -> str:
    """An id in the form of OpenStack's, the same for the same parts."""
    return str(uuid5(NAMESPACE_URL, "/".join(parts)))


def _export_path(name: str) -> str:
    share = identifier("share", name)
    return f"192.0.2.10:6789,192.0.2.11:6789:/volumes/_nogroup/{share}/{share}"


def _auth_scope(args: Properties) -> dict[str, Any]:
    # There is no credential offline. The program passes the expected project as the query's name.
    project = args["name"]
    by_id = re.fullmatch(r"[0-9a-f]{32}", project)
    return {
        "id": project,
        "projectName": "offline" if by_id else project,
        "projectId": project if by_id else identifier("project", project),
        "userId": identifier("user", project),
        "serviceCatalogs": [
            {"type": "identity", "endpoints": [{"interface": "public", "url": "https://192.0.2.2:5000/v3", "region": "RegionOne"}]}
        ],
    }


QUERIES: Mapping[str, Callable[[Properties], dict[str, Any]]] = {
    "openstack:identity/getAuthScope:getAuthScope": _auth_scope,
    "openstack:networking/getNetwork:getNetwork": lambda args: {"id": identifier("network", args["name"]), "name": args["name"]},
    "openstack:containerinfra/getClusterTemplate:getClusterTemplate": lambda args: {
        "id": identifier("template", args["name"]),
        "name": args["name"],
    },
    "openstack:dns/getDnsZone:getDnsZone": lambda args: {"id": identifier("zone", args["name"]), "name": args["name"]},
    "openstack:sharedfilesystem/getShare:getShare": lambda args: {
        "id": identifier("share", args["name"]),
        "name": args["name"],
        "size": 1,
        "metadata": {"__mount_options": "fs=cephfs"},
        "exportLocations": [{"path": _export_path(args["name"]), "preferred": ""}],
    },
}
"""Answers to the queries that the program makes, by token."""

COMPUTED: Mapping[str, Callable[[str, Properties], dict[str, Any]]] = {
    "openstack:networking/floatingIp:FloatingIp": lambda _name, _inputs: {"address": "198.51.100.10"},
    "openstack:compute/keypair:Keypair": lambda name, _inputs: {"name": name, "fingerprint": "00:11:22"},
    "openstack:containerinfra/cluster:Cluster": lambda name, _inputs: {
        "apiAddress": "https://192.0.2.1:6443",
        "coeVersion": "v1.35.4",
        "kubeconfig": {"raw_config": f"apiVersion: v1\nkind: Config\n# {name}\n", "host": "https://192.0.2.1:6443"},
    },
    "openstack:sharedfilesystem/share:Share": lambda name, inputs: {
        "exportLocations": [{"path": _export_path(inputs.get("name", name)), "preferred": ""}],
        "allMetadata": {"__mount_options": "fs=cephfs"},
    },
    "openstack:sharedfilesystem/shareAccess:ShareAccess": lambda _name, inputs: {
        "accessKey": f"key-of-{inputs['accessTo']}",
        "state": "active",
    },
    "openstack:identity/applicationCredential:ApplicationCredential": lambda name, _inputs: {"secret": f"secret-of-{name}"},
    "openstack:identity/ec2CredentialV3:Ec2CredentialV3": lambda name, _inputs: {
        "access": identifier("access", name).replace("-", ""),
        "secret": identifier("secret", name).replace("-", ""),
    },
    "random:index/randomPassword:RandomPassword": lambda name, inputs: {
        "result": (name * 8)[: int(inputs["length"])],
        "bcryptHash": "$2a$10$" + "x" * 53,
    },
    "random:index/randomBytes:RandomBytes": lambda name, _inputs: {
        "hex": identifier(name).replace("-", ""),
        "base64": "AAAAAAAAAAAAAAAAAAAAAA==",
    },
}
"""What the cloud adds to the inputs when a resource is made, by type: (name, inputs) -> outputs. Known in update mode alone."""
