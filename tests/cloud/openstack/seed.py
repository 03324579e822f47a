"""What the cloud of the tests holds before anybody uses it: what an operator would have made for the stacks of this project."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.cloud.openstack.connections import connect, wait_until_ready
from tests.cloud.openstack.services import PASSWORD, REGION, Service

PROJECTS = ("iris-gaia-red", "iris-gaia-blue", "iris-gaia-data", "iris-gaia-buckets")
"""dev's project, prod's, the one that owns the catalogues, one for buckets alone; each has one user of its own name."""

EXTERNAL = {"CUDN-Internet": "198.51.100.0/24", "cephfs": "10.9.0.0/16"}
"""External networks with their ranges: the world, and Ceph."""

COMPUTE_FLAVORS = {
    "vm.v1.small": {"vcpus": 4, "memory_gib": 16, "disk_gib": 20},
    "vm.v1.large": {"vcpus": 8, "memory_gib": 32, "disk_gib": 60},
    "vm.v1.xlarge": {"vcpus": 16, "memory_gib": 64, "disk_gib": 60},
    "gaia.vm.cclake.12vcpu": {"vcpus": 12, "memory_gib": 21, "disk_gib": 20},
    "gaia.vm.cclake.26vcpu": {"vcpus": 26, "memory_gib": 43, "disk_gib": 20},
}
IMAGE = "ubuntu-jammy-kube-v1.35.4"
MACHINE_IMAGE = "debian-12-genericcloud"
SHARE_TYPE = "ceph01_cephfs"
SHARES = ("aglais-data-gaia-edr3-2048", "aglais-data-gaia-dr3-2048-20221107")
"""The catalogues, in the data project."""


def clouds_yaml(auth_url: str) -> str:
    """A clouds.yaml with an entry for every project, and `admin`."""
    entries = {"admin": ("admin", "admin")} | {project: (project, project) for project in PROJECTS}
    clouds = {
        name: {
            "auth": {
                "auth_url": auth_url,
                "username": user,
                "password": PASSWORD,
                "project_name": project,
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
            "region_name": REGION,
        }
        for name, (user, project) in entries.items()
    }
    return yaml.safe_dump({"clouds": clouds})


def seed(file: Path, endpoints: Mapping[Service, str]) -> None:
    """Fill a cloud whose Keystone knows nobody but `admin`."""
    admin = connect(file, "admin")
    identity: Any = admin.identity
    domain, roles = "default", {role.name: role for role in identity.roles()}

    def user(name: str, project: Any, *names: str) -> None:
        made = identity.create_user(name=name, password=PASSWORD, domain_id=domain, default_project_id=project.id)
        for role in names:
            identity.assign_project_role_to_user(project, made, roles[role])

    service_project = identity.create_project(name="service", domain_id=domain)
    for service, url in endpoints.items():
        if service.name == "keystone":
            continue
        user(service.name, service_project, "admin", "service")
        made = identity.create_service(name=service.name, type=service.type)
        for interface in ("public", "internal", "admin"):
            identity.create_endpoint(service_id=made.id, interface=interface, url=url, region_id=REGION)
    admin = connect(file, "admin")
    for name in PROJECTS:
        project = identity.create_project(name=name, domain_id=domain)
        user(name, project, "member")
    network: Any = admin.network
    for name, cidr in EXTERNAL.items():
        made = network.create_network(
            name=name, is_router_external=True, provider_network_type="flat", provider_physical_network=name.lower()
        )
        network.create_subnet(name=name, network_id=made.id, ip_version=4, cidr=cidr, is_dhcp_enabled=False)
    compute: Any = admin.compute
    for name, size in COMPUTE_FLAVORS.items():
        compute.create_flavor(name=name, vcpus=size["vcpus"], ram=size["memory_gib"] * 1024, disk=size["disk_gib"])
    image: Any = admin.image
    for name, properties in ((IMAGE, {"os_distro": "ubuntu", "kube_version": "v1.35.4"}), (MACHINE_IMAGE, {"os_distro": "debian"})):
        image.create_image(
            name, data=b"no machine boots from it", disk_format="raw", container_format="bare", visibility="public", wait=True, **properties
        )
    wait_until_ready(admin)
    shares: Any = admin.shared_file_system
    specs = {"driver_handles_share_servers": "False", "storage_protocol": "CEPHFS"}
    shares.post("/types", json={"share_type": {"name": SHARE_TYPE, "extra_specs": specs}}).raise_for_status()
    data: Any = connect(file, "iris-gaia-data").shared_file_system
    for name in SHARES:
        made = data.create_share(name=name, size=2, share_protocol="CEPHFS", share_type=SHARE_TYPE)
        data.wait_for_status(made, "available", failures=["error"], interval=1, wait=60)
