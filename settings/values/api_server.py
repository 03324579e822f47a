"""Settings of the Kubernetes API's own addresses."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from typing import Annotated

from pydantic import Field

from settings.values.network import METADATA
from settings.values.vocabulary import Problem, Settings

WIDEST, WIDEST_PUBLIC = 16, 24
"""Shortest prefixes that a private and a public network of the API server may have. A /16 is a whole network of Docker (kind, k3d) and
the largest that Amazon allows. Public networks hold other people's addresses, and a provider gives an API server single ones.
"""

TOLD_BY = "`kubectl get endpointslices -n default kubernetes`"
"""The command that prints the addresses of an existing cluster's API server."""


class ApiServer(Settings):
    """The addresses at which Pods reach the Kubernetes API. Network policies see these, not the address of its Service."""

    cidrs: Annotated[tuple[IPv4Network, ...], Field(strict=False, min_length=1, max_length=20, examples=[["172.18.0.2/32"]])]
    """Addresses of the API server, as IPv4 networks of /16 or smaller, public ones of /24 or smaller. Drivers may reach all of them.
    `kubectl get endpointslices -n default kubernetes` prints them."""

    ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Field(strict=False, min_length=1)] = (443, 6443)
    """TCP ports of the API server."""

    def problems(self) -> Iterator[Problem]:
        for index, network in enumerate(self.cidrs):
            kind, widest = ("public network", WIDEST_PUBLIC) if network.is_global else ("network", WIDEST)
            accepted = f"addresses that {TOLD_BY} prints, such as 172.18.0.2/32"
            if network.prefixlen < widest:
                message = f"must be a {kind} of /{widest} or smaller: drivers may reach every address in it"
                yield Problem(("cidrs", index), message, accepted)
            elif network == METADATA:
                yield Problem(("cidrs", index), "must not be the cloud's metadata address, which serves the node's secrets", accepted)
