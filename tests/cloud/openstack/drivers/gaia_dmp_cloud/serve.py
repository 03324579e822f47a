"""Run one OpenStack service in one process: `python -m gaia_dmp_cloud.serve SERVICE PORT`.

The APIs are WSGI applications under waitress. What works behind an API runs as threads beside it: Nova's conductor, scheduler and
compute services, the schedulers of Cinder and Manila with their back ends, Magnum's conductor. So oslo.messaging's in-memory transport
serves, and no message broker is needed.
"""

import importlib
import os
import sys
import threading
import time
import traceback
import uuid
from pathlib import Path

from waitress import serve

from gaia_dmp_cloud.faults import Faults

HYPERVISORS = ("host-1", "host-2", "host-3")
"""Nova's, each with a compute service of its own: a server group tells its members' hosts apart."""

# Where each WSGI application is, and the variables by which it finds its configuration. Nova's first file is the paste file.
BY_VARIABLES = {
    "keystone": ("keystone.wsgi.api", {"OS_KEYSTONE_CONFIG_FILES": "{folder}/keystone.conf"}),
    "neutron": ("neutron.wsgi.api", {"OS_NEUTRON_CONFIG_DIR": "{folder}", "OS_NEUTRON_CONFIG_FILES": "neutron.conf"}),
    "placement": ("placement.wsgi.api", {"OS_PLACEMENT_CONFIG_DIR": "{folder}"}),
    "nova": (
        "nova.wsgi.osapi_compute",
        {"OS_NOVA_CONFIG_DIR": "{folder}", "OS_NOVA_CONFIG_FILES": "{prefix}/etc/nova/api-paste.ini;nova.conf"},
    ),
    "glance": ("glance.wsgi.api", {"OS_GLANCE_CONFIG_DIR": "{folder}", "OS_GLANCE_CONFIG_FILES": "glance-api.conf"}),
}


def octavia():
    from octavia.wsgi.api import application

    return application


def nova_services():
    """Start what is behind Nova's API, in its process: each part finds the database as the API does, and not by the conductor."""
    import os_vif
    from keystoneauth1.exceptions import ClientException
    from nova import context, service
    from nova.compute import rpcapi
    from nova.objects import host_mapping
    from nova.scheduler.client import report
    from nova.servicegroup import api as groups
    from nova.virt import node
    from oslo_config import cfg
    from oslo_utils.fixture import uuidsentinel

    def placement_answers():
        try:
            return report.SchedulerReportClient().get("/resource_providers").status_code == 200
        except ClientException:
            return False

    # All of them ask Placement as they start.
    while not placement_answers():
        time.sleep(0.5)
    # Nova takes a service for dead until it first reports.
    groups.INITIAL_REPORTING_DELAY = 0
    os_vif.initialize()
    # Writes a file, without which Nova takes a host that it knows for one that has lost its state.
    node.get_local_node_uuid()
    for binary in ("nova-conductor", "nova-scheduler"):
        service.Service.create(binary=binary).start()
    for host in HYPERVISORS:
        # The fake driver thinks up a node's id, and the databases outlive it.
        setattr(uuidsentinel, f"node_{host}", str(uuid.uuid5(uuid.NAMESPACE_DNS, host)))
        cfg.CONF.set_override("host", host)
        service.Service.create(binary="nova-compute", topic=rpcapi.RPC_TOPIC, topic_alt=rpcapi.RPC_TOPIC_ALT).start()
    cfg.CONF.clear_override("host")
    host_mapping.discover_hosts(context.get_admin_context())


def or_end(what):
    """Do it, and end the process where that fails: a thread that dies leaves an API that answers."""
    try:
        what()
    except BaseException:  # noqa: BLE001 - Nova exits in the middle of its code
        traceback.print_exc()
        os._exit(1)


def cinder():
    from cinder import monkey_patch

    monkey_patch.patch("threading")
    from cinder.wsgi import wsgi

    application = wsgi.initialize_application()
    from cinder import service
    from oslo_config import cfg

    # Both report under the id of the one that started last, and only a back end's silence is noticed.
    for options in ({"binary": "cinder-scheduler"}, {"binary": "cinder-volume", "host": f"{cfg.CONF.host}@disks", "service_name": "disks"}):
        service.Service.create(coordination=True, **options).start()
    return application


def manila():
    from oslo_service import backend

    # With the other back end heartbeats are green threads, which nobody runs here, and the scheduler takes its share manager for dead.
    backend.init_backend(backend.BackendType.THREADING)
    from manila.wsgi import wsgi

    application = wsgi.initialize_application()
    from manila import service
    from oslo_config import cfg

    from gaia_dmp_cloud import manila_faults

    manila_faults.install()

    for options in ({"binary": "manila-scheduler"}, {"binary": "manila-share", "host": f"{cfg.CONF.host}@ceph", "service_name": "ceph"}):
        service.Service.create(coordination=True, **options).start()
    return application


def magnum():
    import magnum.conf
    from magnum.common import rpc_service
    from magnum.conductor.handlers import (
        ca_conductor,
        cluster_conductor,
        conductor_listener,
        credential_conductor,
        federation_conductor,
        indirection_api,
        nodegroup_conductor,
    )
    from magnum.service import periodic
    from magnum.wsgi.api import application

    modules = (
        indirection_api,
        cluster_conductor,
        conductor_listener,
        credential_conductor,
        ca_conductor,
        federation_conductor,
        nodegroup_conductor,
    )
    # Magnum asks its driver every 10 s, which is most of what a test would wait for.
    periodic.MagnumPeriodicTasks._periodic_spacing["sync_cluster_status"] = 1
    conductor = rpc_service.Service.create(
        magnum.conf.CONF.conductor.topic, "conductor", [module.Handler() for module in modules], binary="magnum-conductor"
    )
    conductor.create_periodic_tasks()
    conductor.start()

    def unhurried(environ, start_response):
        # The API answers before the conductor has done anything, and a client that asks at once reads the state from before: no such
        # cluster, or a pool that is still there. Here that race would be lost always; a test that wants it orders it as a fault.
        answer = application(environ, start_response)
        if environ["REQUEST_METHOD"] != "GET":
            time.sleep(1.5)
        return answer

    return unhurried


def main():
    name, port = sys.argv[1:3]
    folder = Path(os.environ["GAIA_DMP_CLOUD"])
    if name in BY_VARIABLES:
        sys.argv = [name]
        module, variables = BY_VARIABLES[name]
        os.environ.update({key: value.format(folder=folder, prefix=sys.prefix) for key, value in variables.items()})
        application = importlib.import_module(module).application
        if name == "nova":
            threading.Thread(target=or_end, args=(nova_services,), daemon=True).start()
    else:
        sys.argv = [name, "--config-file", str(folder / f"{name}.conf")]
        application = {"octavia": octavia, "cinder": cinder, "manila": manila, "magnum": magnum}[name]()
    # Services and tests keep their connections, and a service that has its limit of them answers nobody new. Waitress' own is 100.
    options = {"threads": 8, "channel_timeout": 300, "connection_limit": 500}
    serve(Faults(folder, name).middleware(application), listen=f"127.0.0.1:{port}", ident=name, **options)


if __name__ == "__main__":
    main()
