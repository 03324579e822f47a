"""A namespace of the platform: Pod Security by label, and the login to a registry where one is wanted."""

from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.names import PULL_SECRET


@dataclass(frozen=True, kw_only=True)
class NamespaceRef:
    """A namespace, as everything that stands in it needs it."""

    name: str
    """Its name."""

    resource: core.Namespace
    """The Namespace, for whatever must live and die in it."""

    pull_secret: core.Secret | None
    """The login to a registry, or None where images need none."""

    @property
    def title(self) -> pulumi.Output[str]:
        """Its name as the cluster knows it, so that whatever is placed there waits for it."""
        return self.resource.metadata["name"]

    @property
    def pull_secret_name(self) -> str | None:
        """Name of the pull secret, for texts that Pods are made from; or None."""
        return PULL_SECRET if self.pull_secret else None

    @property
    def image_pull_secrets(self) -> list[core.LocalObjectReferenceArgs]:
        """The `imagePullSecrets` of a Pod."""
        return [core.LocalObjectReferenceArgs(name=self.pull_secret.metadata["name"])] if self.pull_secret else []


def secured_namespace(
    name: str,
    title: str,
    level: Literal["restricted", "baseline", "privileged"],
    parent: pulumi.ComponentResource,
    login: pulumi.Input[str] | None,
) -> NamespaceRef:
    """A Namespace called `title` that enforces, audits and warns of one level of the Pod Security Standards.

    login: docker config.json (secret) for a registry, or None.
    """
    labels = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "audit", "warn")}
    labels["app.kubernetes.io/part-of"] = f"{pulumi.get_project()}-{pulumi.get_stack()}"
    namespace = core.Namespace(
        f"{name}-namespace",
        metadata=meta.ObjectMetaArgs(name=title, labels=labels),
        opts=pulumi.ResourceOptions(parent=parent),
    )
    secret = None
    if login is not None:
        secret = core.Secret(
            f"{name}-pull-secret",
            metadata=meta.ObjectMetaArgs(name=PULL_SECRET, namespace=namespace.metadata["name"]),
            type="kubernetes.io/dockerconfigjson",
            string_data={".dockerconfigjson": pulumi.Output.secret(login)},
            opts=pulumi.ResourceOptions(parent=parent, deleted_with=namespace),
        )
    return NamespaceRef(name=title, resource=namespace, pull_secret=secret)
