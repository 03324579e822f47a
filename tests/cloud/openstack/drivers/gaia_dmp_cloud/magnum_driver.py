"""A Magnum driver whose clusters are the API servers of tests/cloud/kube.py, with the cluster's own CA; and faults on order."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from magnum.conductor.handlers.common import cert_manager
from magnum.drivers.common import driver

from gaia_dmp_cloud.faults import Faults

_FOLDER = Path(os.environ["GAIA_DMP_CLOUD"])
_FAULTS = Faults(_FOLDER, "magnum")
"""One for all: Magnum makes a driver for every call, and a fault that is due once is counted."""
_PROCESSES = {}
"""Cluster to its process. The process ends when its standard input does, so none outlives this one, however it ends."""


class Driver(driver.Driver):
    """Clusters, node groups and upgrades, asynchronous as the Cluster API drivers are: status is found by polling."""

    @property
    def provides(self):
        return [{"server_type": "vm", "os": "ubuntu", "coe": "kubernetes"}]

    def create_cluster(self, context, cluster, cluster_create_timeout):
        folder = _folder(cluster)
        folder.mkdir(parents=True)
        fault = _FAULTS.due(operation="create_cluster")
        if fault:
            (folder / "fault.json").write_text(json.dumps({"message": fault.message, "until": time.time() + fault.seconds}))
        ca = cert_manager.get_cluster_ca_certificate(cluster, context=context)
        key = serialization.load_pem_private_key(_bytes(ca.get_private_key()), _bytes(ca.get_private_key_passphrase()) or None)
        plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (folder / "ca.crt").write_bytes(_bytes(ca.get_certificate()))
        (folder / "ca.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
        _write_nodes(cluster)
        command = json.loads(os.environ["GAIA_DMP_KUBE"])
        with (folder / "log").open("ab") as log:
            _PROCESSES[cluster.uuid] = subprocess.Popen(
                [*command["argv"], str(folder)], cwd=command["cwd"], stdin=subprocess.PIPE, stdout=log, stderr=log
            )
        cluster.stack_id = f"kube-{cluster.uuid}"
        cluster.save()

    def update_cluster_status(self, context, cluster, use_admin_ctx=False):
        folder = _folder(cluster)
        if cluster.status == "CREATE_IN_PROGRESS":
            outcome, reason = _creation(cluster)
            if not outcome:
                return
            if outcome == "CREATE_COMPLETE":
                cluster.api_address = (folder / "address").read_text()
                cluster.coe_version = "v1.36.3"
                cluster.container_version = "1"
            cluster.status, cluster.status_reason = outcome, reason
            for group in cluster.nodegroups:
                group.status = outcome
                group.save()
            cluster.save()
            return
        for group in cluster.nodegroups:
            if group.status == "DELETE_IN_PROGRESS":
                group.destroy()
            elif group.status and group.status.endswith("IN_PROGRESS"):
                group.status = group.status.replace("IN_PROGRESS", "COMPLETE")
                group.save()
        if cluster.status.endswith("IN_PROGRESS"):
            cluster.status = cluster.status.replace("IN_PROGRESS", "COMPLETE")
            cluster.save()
        if cluster.status != "DELETE_COMPLETE":
            _write_nodes(cluster)

    def update_cluster(self, context, cluster, scale_manager=None, rollback=False):
        pass

    def upgrade_cluster(self, context, cluster, cluster_template, max_batch_size, nodegroup, scale_manager=None, rollback=False):
        # As magnum-capi-helm does: the conductor leaves it to the driver to note the new template.
        cluster.cluster_template_id = cluster_template.uuid
        _progress(cluster, "UPDATE_IN_PROGRESS")
        _progress(nodegroup, "UPDATE_IN_PROGRESS")

    def delete_cluster(self, context, cluster):
        process = _PROCESSES.pop(cluster.uuid, None)
        if process:
            process.stdin.close()
            process.wait()
        shutil.rmtree(_folder(cluster))

    def resize_cluster(self, context, cluster, resize_manager, node_count, nodes_to_remove, nodegroup=None):
        if nodegroup is not None:
            _progress(nodegroup, "UPDATE_IN_PROGRESS")
        _progress(cluster, "UPDATE_IN_PROGRESS")

    def validate_master_resize(self, node_count):
        return True

    def create_nodegroup(self, context, cluster, nodegroup):
        _progress(nodegroup, "CREATE_IN_PROGRESS")

    def update_nodegroup(self, context, cluster, nodegroup):
        _progress(nodegroup, "UPDATE_IN_PROGRESS")

    def delete_nodegroup(self, context, cluster, nodegroup):
        _progress(nodegroup, "DELETE_IN_PROGRESS")

    def get_monitor(self, context, cluster):
        return None

    def create_federation(self, context, federation):
        raise NotImplementedError

    def update_federation(self, context, federation):
        raise NotImplementedError

    def delete_federation(self, context, federation):
        raise NotImplementedError


def _folder(cluster):
    return _FOLDER / "clusters" / cluster.uuid


def _bytes(text):
    return text.encode() if isinstance(text, str) else text


def _progress(thing, status):
    thing.status = status
    thing.save()


def _creation(cluster):
    """How the creation of a cluster ended and why, or ("", "") where it goes on."""
    folder = _folder(cluster)
    fault = folder / "fault.json"
    ordered = json.loads(fault.read_text()) if fault.exists() else {"message": "", "until": 0}
    if time.time() < ordered["until"]:
        return "", ""
    if ordered["message"]:
        return "CREATE_FAILED", ordered["message"]
    if _PROCESSES[cluster.uuid].poll() is not None:
        return "CREATE_FAILED", (folder / "log").read_text()[-500:]
    return ("CREATE_COMPLETE", "") if (folder / "address").exists() else ("", "")


def _write_nodes(cluster):
    """What kube.py reads: nodes by group. Groups are labelled as magnum-capi-helm labels the default one."""
    sizes = json.loads(os.environ["GAIA_DMP_FLAVORS"])
    groups = [
        {
            "label": group.name,
            "count": group.node_count,
            **sizes.get(group.flavor_id or cluster.flavor_id, {"vcpus": 8, "memory_gib": 32}),
        }
        for group in cluster.nodegroups
        if group.role != "master" and group.status != "DELETE_IN_PROGRESS"
    ]
    part = _folder(cluster) / "nodes.json.part"
    part.write_text(json.dumps(groups))
    part.rename(_folder(cluster) / "nodes.json")
