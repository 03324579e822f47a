"""The OpenStack sites that the platform knows. A new site is one entry of `SITES`.

Networks: wfau/gaia-dmp deployments/common/openstack/config/{arcus,cumulus,somerville}.yml. Share types: that repository's
deployments/openstack/bin/create-ceph-share.sh and notes. Octavia providers: its notes/millingw/DeployClusterAPI.md (Arcus uses
amphora) and 20250324 notes (ovn is the rule elsewhere); Cumulus is not recorded, so Magnum's own default, amphora, stands.
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
    """Gateway inside the site's Ceph network that leads to the destination; without it the Ceph router's own gateway leads there."""


class CephRouter(Settings):
    """A tenant reaches native CephFS by a second router, whose gateway is the site's Ceph network."""

    kind: Literal["router"]
    """A second router."""

    network: Annotated[ObjectName, Field(examples=["cephfs"])]
    """Name of the external network that leads to Ceph."""

    cidr: Annotated[IPv4Network, Field(examples=["10.9.0.0/16"])]
    """Address range of that network, as an IPv4 network; nothing of ours may overlap it."""

    routes: Annotated[tuple[CephRoute, ...], Field(min_length=1, examples=[[{"destination": "10.4.200.0/24"}]], strict=False)]
    """Routes that every node learns from the subnet; at least one."""


class CephPort(Settings):
    """A tenant reaches native CephFS by a second port of every node on the site's Ceph network."""

    kind: Literal["port"]
    """A second port of every node; the driver capi-helm alone makes it."""

    network: Annotated[ObjectName, Field(examples=["ceph-clients"])]
    """Name of the network that leads to Ceph; the project may make ports on it. They have no security groups."""

    cidr: Annotated[IPv4Network, Field(examples=["10.9.0.0/16"])]
    """Address range of that network, as an IPv4 network; nothing of ours may overlap it."""


class Site(Settings):
    """What is the same for everybody on one OpenStack cloud."""

    external_network: Annotated[ObjectName, Field(examples=["CUDN-Internet"])]
    """Name of the external network: the router's gateway, and the pool of floating IPs."""

    share_type: ObjectName | None = None
    """The operator's name for the Manila share type that serves native CephFS; none where the site offers no Manila."""

    octavia_provider: Literal["amphora", "ovn"] = "amphora"
    """Octavia provider that makes load balancers here: `amphora` or `ovn`."""

    dns_nameservers: Annotated[tuple[IPv4Address, ...], Field(max_length=5, strict=False)] = ()
    """Resolvers for the subnet, as IPv4 addresses; without any, those of the network's DHCP."""

    ceph: Annotated[CephRouter | CephPort, Field(discriminator="kind")] | None = None
    """The way to Ceph: router or port; none where monitors are routed publicly or the site offers no CephFS."""


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
        # The model is validated again from plain data, because strict JSON validation takes no instance.
        return SITES[value].model_dump(mode="json")
    return value


class _NameOrSite:
    """Tells editors that a known name will do as well."""

    def __get_pydantic_json_schema__(self, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "enum": list(SITES)}, handler(core_schema)]}


SiteChoice = Annotated[Site, BeforeValidator(_known_site), _NameOrSite()]
"""A known site by its name, or a site spelt out."""
