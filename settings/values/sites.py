"""The known OpenStack sites. A new site is one entry of `SITES`.

Networks: wfau/gaia-dmp deployments/common/openstack/config/{arcus,cumulus,somerville}.yml. Share types: that repository's
deployments/openstack/bin/create-ceph-share.sh and notes. Octavia providers: its notes/millingw/DeployClusterAPI.md (Arcus uses
amphora) and 20250324 notes (ovn is usual elsewhere); nothing is recorded for Cumulus, so it has Magnum's default, amphora.
"""

from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from settings.values.vocabulary import ObjectName, Settings


class CephRoute(Settings):
    """One route from the cluster's subnet to Ceph."""

    destination: Annotated[IPv4Network, Field(examples=["10.4.200.0/24"])]
    """Network of the Ceph monitors, OSDs and MDS, as an IPv4 network."""

    next_hop: IPv4Address | None = None
    """Gateway to the destination inside the site's Ceph network; by default the Ceph router's own gateway."""


class CephRouter(Settings):
    """Projects reach native CephFS through a second router, whose gateway is on the site's Ceph network."""

    kind: Literal["router"]
    """A second router."""

    network: Annotated[ObjectName, Field(examples=["cephfs"])]
    """Name of the external network through which Ceph is reached."""

    cidr: Annotated[IPv4Network, Field(examples=["10.9.0.0/16"])]
    """Address range of that network, as an IPv4 network. The stack's own ranges must not overlap it."""

    routes: Annotated[tuple[CephRoute, ...], Field(min_length=1, examples=[[{"destination": "10.4.200.0/24"}]], strict=False)]
    """Routes that every node learns from the subnet; at least one."""


class CephPort(Settings):
    """Projects reach native CephFS through a second port of every node, on the site's Ceph network."""

    kind: Literal["port"]
    """A second port of every node. Only the driver capi-helm can create it."""

    network: Annotated[ObjectName, Field(examples=["ceph-clients"])]
    """Name of the network to Ceph. The project must be allowed to create ports on it; they have no security groups."""

    cidr: Annotated[IPv4Network, Field(examples=["10.9.0.0/16"])]
    """Address range of that network, as an IPv4 network. The stack's own ranges must not overlap it."""


class Site(Settings):
    """What all stacks on one OpenStack cloud have in common."""

    external_network: Annotated[ObjectName, Field(examples=["CUDN-Internet"])]
    """Name of the external network, for the router's gateway and for floating IPs."""

    share_type: ObjectName | None = None
    """The operator's name for the Manila share type that serves native CephFS; none if the site has no Manila."""

    octavia_provider: Literal["amphora", "ovn"] = "amphora"
    """Octavia provider of the site's load balancers: `amphora` or `ovn`."""

    dns_nameservers: Annotated[tuple[IPv4Address, ...], Field(max_length=5, strict=False)] = ()
    """DNS resolvers for the subnet, as IPv4 addresses; by default those of the network's DHCP."""

    ceph: Annotated[CephRouter | CephPort, Field(discriminator="kind")] | None = None
    """How nodes reach Ceph: router or port; none if the monitors have public routes or the site has no CephFS."""


SITES = {
    "arcus": Site(
        external_network="CUDN-Internet",
        share_type="ceph01_cephfs",
        octavia_provider="amphora",
        dns_nameservers=(IPv4Address("8.8.8.8"),),
        ceph=CephRouter(
            kind="router",
            network="cephfs",
            cidr=IPv4Network("10.9.0.0/16"),
            routes=(CephRoute(destination=IPv4Network("10.4.200.0/24"), next_hop=IPv4Address("10.9.0.1")),),
        ),
    ),
    "cumulus": Site(
        external_network="internet",
        share_type="cephfsnativetype",
        octavia_provider="amphora",
        dns_nameservers=(IPv4Address("8.8.8.8"),),
        ceph=CephRouter(
            kind="router",
            network="cumulus-internal",
            cidr=IPv4Network("10.218.0.0/16"),
            routes=(CephRoute(destination=IPv4Network("10.206.0.0/16")),),
        ),
    ),
    "somerville": Site(
        external_network="external",
        # Recorded for Arcus in 2025 by the same team; Somerville's own name is not on record: override the site where it differs.
        share_type="ceph01_cephfs",
        octavia_provider="ovn",
        dns_nameservers=(),
        ceph=CephRouter(
            kind="router",
            network="cephfs",
            cidr=IPv4Network("10.21.0.0/16"),
            routes=(CephRoute(destination=IPv4Network("10.21.0.0/16")),),
        ),
    ),
}


def _known_site(value: Any) -> Any:
    if isinstance(value, str):
        if value not in SITES:
            raise ValueError(f"must be {', '.join(SITES)}, or a mapping that describes another site")
        # The model is validated again from plain data, because strict JSON validation does not accept an instance.
        return SITES[value].model_dump(mode="json")
    return value


class _NameOrSite:
    """Adds the known names to the JSON Schema, for editors."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "enum": list(SITES)}, handler(core_schema)]}


SiteChoice = Annotated[Site, BeforeValidator(_known_site), _NameOrSite()]
"""The name of a known site, or a mapping that describes another."""
