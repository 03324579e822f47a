"""Faults that Manila's own CephFS driver commits where a test has ordered them."""

import functools
import os
from pathlib import Path

from manila import exception
from manila.share.drivers.cephfs.driver import CephFSDriver

from gaia_dmp_cloud.faults import Faults


def install():
    """From now on creating and extending a share, and adding a rule, ask first whether a fault is due."""
    faults = Faults(Path(os.environ["GAIA_DMP_CLOUD"]), "manila")

    def fail(operation):
        fault = faults.due(operation=operation)
        if fault:
            raise exception.ShareBackendException(msg=fault.message)

    def failing(method):
        @functools.wraps(method)
        def call(*args, **kwargs):
            fail(method.__name__)
            return method(*args, **kwargs)

        return call

    for method in (CephFSDriver.create_share, CephFSDriver.extend_share):
        setattr(CephFSDriver, method.__name__, failing(method))
    update_access = CephFSDriver.update_access

    @functools.wraps(update_access)
    def call(self, context, share, access_rules, add_rules, *args, **kwargs):
        if add_rules:
            fail("add_access")
        return update_access(self, context, share, access_rules, add_rules, *args, **kwargs)

    CephFSDriver.update_access = call
