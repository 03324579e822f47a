"""Run one OpenStack service in one process: `python -m gaia_dmp_cloud.serve SERVICE PORT`.

The APIs are WSGI applications under waitress. Manila's scheduler and share manager, and Magnum's conductor, run as threads beside
their API, so that oslo.messaging's in-memory transport serves and no message broker is needed.
"""

import os
import sys
import time
from pathlib import Path

from waitress import serve

from gaia_dmp_cloud.faults import Faults


def keystone(folder):
    os.environ["OS_KEYSTONE_CONFIG_FILES"] = str(folder / "keystone.conf")
    from keystone.wsgi.api import application

    return application


def neutron(folder):
    os.environ["OS_NEUTRON_CONFIG_DIR"] = str(folder)
    os.environ["OS_NEUTRON_CONFIG_FILES"] = "neutron.conf"
    from neutron.wsgi.api import application

    return application


def nova(folder):
    os.environ["OS_NOVA_CONFIG_DIR"] = str(folder)
    # The first one is the paste file.
    os.environ["OS_NOVA_CONFIG_FILES"] = f"{sys.prefix}/etc/nova/api-paste.ini;nova.conf"
    from nova.wsgi.osapi_compute import application

    return application


def glance(folder):
    os.environ["OS_GLANCE_CONFIG_DIR"] = str(folder)
    os.environ["OS_GLANCE_CONFIG_FILES"] = "glance-api.conf"
    from glance.wsgi.api import application

    return application


def octavia(folder):
    sys.argv += ["--config-file", str(folder / "octavia.conf")]
    from octavia.wsgi.api import application

    return application


def manila(folder):
    from oslo_service import backend

    # With the other back end heartbeats are green threads, which nobody runs here, and the scheduler takes its share manager for dead.
    backend.init_backend(backend.BackendType.THREADING)
    sys.argv += ["--config-file", str(folder / "manila.conf")]
    from manila.wsgi import wsgi

    application = wsgi.initialize_application()
    from manila import service
    from oslo_config import cfg

    for options in ({"binary": "manila-scheduler"}, {"binary": "manila-share", "host": f"{cfg.CONF.host}@ceph", "service_name": "ceph"}):
        service.Service.create(coordination=True, **options).start()
    return application


def magnum(folder):
    sys.argv += ["--config-file", str(folder / "magnum.conf")]
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
        # The API answers before the conductor has stored a new cluster, and a client that asks at once is told that there is none.
        # Here that race would be lost always; a test that wants it orders it as a fault.
        answer = application(environ, start_response)
        if environ["REQUEST_METHOD"] == "POST":
            time.sleep(1.5)
        return answer

    return unhurried


def main():
    name, port = sys.argv[1:3]
    sys.argv = [name]
    folder = Path(os.environ["GAIA_DMP_CLOUD"])
    application = globals()[name](folder)
    serve(Faults(folder, name).middleware(application), listen=f"127.0.0.1:{port}", threads=8, channel_timeout=300, ident=name)


if __name__ == "__main__":
    main()
