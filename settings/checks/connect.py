"""Spark Connect: it needs a version of Spark that checks tokens, and a way in that speaks HTTP/2."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.entry import IngressEntry
from settings.values.vocabulary import Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings

OLDEST_SPARK = 4
"""Major version since which a driver checks the token of its clients. Spark 3.5 accepts the setting, and everybody (seen with 3.5.9)."""


def problems(stack: "StackSettings") -> Iterator[Problem]:
    if not stack.spark.connect:
        return
    versions = ("images", "versions", "spark")
    if int(stack.images.versions.spark.split(".")[0]) < OLDEST_SPARK:
        message = f"is not safe with Spark {stack.images.versions.spark}, which does not check the token of a client"
        yield Problem(("spark", "connect"), message, f"false, or images.versions.spark {OLDEST_SPARK}.0 or later", (versions,))
    if isinstance(stack.entry, IngressEntry):
        message = "cannot be reached through an Ingress, which speaks HTTP/1.1 to the gateway: Spark Connect needs HTTP/2"
        yield Problem(("spark", "connect"), message, "false, or entry.kind load_balancer or none", (("entry", "kind"),))
