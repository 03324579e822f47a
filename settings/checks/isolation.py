"""The isolation of notebooks: what it needs from Kubernetes, and the names by which it tells people's Pods apart."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.cloud import OpenStackCloud
from settings.values.login import slug
from settings.values.vocabulary import KeyPath, Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings

OLDEST_KUBERNETES = 30
"""Minor version since which ValidatingAdmissionPolicy is stable (kubernetes 1.30 release notes)."""


def problems(stack: "StackSettings") -> Iterator[Problem]:
    if int(stack.cloud.kubernetes_version.split(".")[1]) < OLDEST_KUBERNETES:
        section = ("cloud", "cluster") if isinstance(stack.cloud, OpenStackCloud) else ("cloud",)
        message = "has no ValidatingAdmissionPolicy, which the isolation of notebooks needs"
        yield Problem((*section, "kubernetes_version"), message, f"1.{OLDEST_KUBERNETES} or later")
    for path, login in _logins(stack):
        for profile in stack.spark.profiles:
            # Pods are named <setting>-<person>-..., and the gateway finds the owner of a Spark UI by that name.
            if slug(login).startswith(f"{profile.name}-"):
                yield Problem(
                    path,
                    f"begins like the profile spark-{profile.name}, so the Pods of the two could not be told apart",
                    "another login name, or another name for the profile",
                    (("spark", "profiles"),),
                )


def _logins(stack: "StackSettings") -> Iterator[tuple[KeyPath, str]]:
    """Each setting that holds a login name, and the name."""
    for index, person in enumerate(stack.zeppelin.people):
        yield ("zeppelin", "people", index, "name"), person.name
    if stack.monitoring:
        yield ("monitoring", "smoke_test", "user"), stack.monitoring.smoke_test.user
