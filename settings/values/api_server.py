"""Settings of the Kubernetes API's own addresses."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import Field

from settings.values.network import METADATA
from settings.values.vocabulary import Problem, Settings

WIDEST, WIDEST_PUBLIC = 16, 24
"""Shortest prefixes that a private and a public network of the API server may have. A /16 is a whole network of Docker's (kind, k3d) and
the largest that Amazon makes; public addresses belong to others, and a provider gives an API server single ones.
"""

TOLD_BY = "`kubectl get endpointslices -n default kubernetes`"
"""What tells the addresses of a cluster that exists."""


class ApiServer(Settings):
    """Where Pods really meet the Kubernetes API: network policies see the address behind its Service."""

    cidrs: Annotated[tuple[IPv4Network, ...], Field(strict=False, min_length=1, max_length=20, examples=[["172.18.0.2/32"]])]
    """Addresses of the API server, as IPv4 networks of /16 or smaller, public ones of /24 or smaller: every driver may reach all of them.
    `kubectl get endpointslices -n default kubernetes` tells them."""

    ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Field(strict=False, min_length=1)] = (443, 6443)
    """TCP ports of the API server."""

    def problems(self) -> Iterator[Problem]:
        for index, network in enumerate(self.cidrs):
            kind, widest = ("public network", WIDEST_PUBLIC) if network.is_global else ("network", WIDEST)
            accepted = f"addresses that {TOLD_BY} tells, such as 172.18.0.2/32"
            if network.prefixlen < widest:
                message = f"must be a {kind} of /{widest} or smaller: every driver may reach all of it, whatever outside.egress says"
                yield Problem(("cidrs", index), message, accepted)
            elif network == METADATA:
                yield Problem(("cidrs", index), "must not be the cloud's metadata address: it tells a node's own secrets", accepted)
