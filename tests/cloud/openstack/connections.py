"""How tests talk to their cloud."""

import time
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from openstack.config import OpenStackConfig
from openstack.connection import Connection

from tests.cloud.openstack.services import HOST

NODE_GROUPS = {"OpenStack-API-Version": "container-infra 1.9"}
"""The header without which Magnum knows no node groups."""


def connect(file: Path, entry: str) -> Connection:
    """A connection by an entry of a clouds.yaml of ours; variables of the environment have no say.

    Raises ValueError where the entry leads to another machine: tests make, break and remove things without asking.
    """
    entry_config = OpenStackConfig(config_files=[str(file)], load_envvars=False).get_one(entry)
    address = urlsplit(entry_config.auth["auth_url"]).hostname
    if address != HOST:
        raise ValueError(f"{entry} of {file} leads to {address}; the tests touch nothing but {HOST}")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what the SDK will drop one day, and does itself
        return Connection(config=entry_config)


def ready(admin: Connection) -> bool:
    """Whether what works behind the APIs is there: the back ends of Manila and Cinder have reported their pools, Magnum's conductor and
    Nova's hypervisors themselves.
    """
    shares = admin.shared_file_system.get("/scheduler-stats/pools").json()["pools"]
    volumes = admin.block_storage.get("/scheduler-stats/get_pools").json()["pools"]
    conductors = admin.container_infrastructure_management.get("/mservices").json()["mservices"]
    hypervisors = admin.compute.get("/os-services?binary=nova-compute").json()["services"]
    up = [{each["state"] for each in found} for found in (conductors, hypervisors)]
    return bool(shares and volumes) and up == [{"up"}, {"up"}]


def wait_until_ready(admin: Connection) -> None:
    """Wait for `ready`, up to a minute and a half. Raises TimeoutError."""
    end = time.monotonic() + 90
    while not ready(admin):
        if time.monotonic() > end:
            raise TimeoutError("a back end of Manila, Cinder, Magnum or Nova has not reported in 90 s")
        time.sleep(0.3)


def first_requests(project: Connection) -> None:
    """Ask every service once, one after another: what services load at their first request is not safe from a second one.

    Neutron, asked twice at once by a fresh start, hides external networks from one of the two.
    """
    asked: list[tuple[Any, str]] = [
        (project.network, "/networks?router:external=true"),
        (project.compute, "/flavors"),
        (project.image, "/images"),
        (project.block_storage, "/volumes"),
        (project.shared_file_system, "/shares"),
        (project.container_infrastructure_management, "/clusters"),
        (project.load_balancer, "/lbaas/providers"),
    ]
    for service, path in asked:
        service.get(path).raise_for_status()
