"""What a project of the cloud holds."""

from typing import Any

from openstack.connection import Connection


def held(connection: Connection) -> dict[str, list[str]]:
    """Names of everything that the project owns, by kind; kinds of which there is nothing are left out. Routers' ports are not
    counted, nor the security group that every project has."""
    project = connection.current_project_id
    network: Any = connection.network
    compute: Any = connection.compute
    volumes: Any = connection.block_storage
    shares: Any = connection.shared_file_system
    magnum: Any = connection.container_infrastructure_management
    found = {
        "networks": [each.name for each in network.networks(project_id=project)],
        "subnets": [each.name for each in network.subnets(project_id=project)],
        "routers": [each.name for each in network.routers(project_id=project)],
        "ports": [each.name for each in network.ports(project_id=project) if not each.device_owner],
        "floating IPs": [each.description for each in network.ips(project_id=project)],
        "security groups": [each.name for each in network.security_groups(project_id=project) if each.name != "default"],
        "servers": [each.name for each in compute.servers()],
        "server groups": [each.name for each in compute.server_groups()],
        "volumes": [each.name for each in volumes.volumes()],
        "key pairs": [each.name for each in compute.keypairs()],
        "templates": [each["name"] for each in magnum.get("/clustertemplates").json()["clustertemplates"]],
        "clusters": [each["name"] for each in magnum.get("/clusters").json()["clusters"]],
        "shares": [each.name for each in shares.shares()],
        "rules": [f"{share.name}: {rule.access_to}" for share in shares.shares() for rule in shares.access_rules(share.id)],
    }
    return {kind: sorted(names) for kind, names in found.items() if names}
