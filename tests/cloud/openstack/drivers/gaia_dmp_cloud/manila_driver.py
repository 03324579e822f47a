"""A CephFS back end without Ceph: export locations and Ceph keys as Manila's own CephFS driver reports them, and faults on order."""

import base64
import hashlib
import os
from pathlib import Path

from manila import exception
from manila.tests.share.drivers import dummy

from gaia_dmp_cloud.faults import Faults

_MONITORS = "192.0.2.10:6789,192.0.2.11:6789"  # TEST-NET-1: nothing is there


class Driver(dummy.DummyDriver):
    """Shares with one path each; access rules with a key that depends on the Ceph id alone."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._faults = Faults(Path(os.environ["GAIA_DMP_CLOUD"]), "manila")

    def _fail(self, operation):
        fault = self._faults.due(operation=operation)
        if fault:
            raise exception.ShareBackendException(msg=fault.message)

    def create_share(self, context, share, share_server=None):
        self._fail("create_share")
        return [{"path": f"{_MONITORS}:/volumes/_nogroup/{share['id']}/{share['id']}", "is_admin_only": False, "metadata": {}}]

    def extend_share(self, share, new_size, share_server=None):
        self._fail("extend_share")

    def update_access(self, context, share, access_rules, add_rules, delete_rules, update_rules=None, share_server=None):
        if add_rules:
            self._fail("add_access")
        keys = {rule["access_id"]: base64.b64encode(hashlib.sha256(rule["access_to"].encode()).digest()[:28]) for rule in access_rules}
        return {rule: {"access_key": key.decode()} for rule, key in keys.items()}

    def get_optional_share_creation_data(self, share, share_server=None):
        return {"metadata": {"__mount_options": "fs=cephfs"}}

    def get_backend_info(self, context):
        return {"cephfs_filesystem_name": "cephfs"}

    def ensure_shares(self, context, shares):
        return {share["id"]: {"status": "available"} for share in shares}

    def _update_share_stats(self, data=None):
        super()._update_share_stats(data)
        self._stats["storage_protocol"] = "CEPHFS"
