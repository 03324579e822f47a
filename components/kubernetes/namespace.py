"""What every namespace of the platform has: Pod Security by label, what passes it, and the login to a registry where one is wanted."""

from typing import Literal

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

PULL_SECRET = "registry"  # noqa: S105 - the name of a Secret
"""Name of the pull secret in each namespace."""


def secured_namespace(
    name: str, title: str, level: Literal["restricted", "baseline", "privileged"], parent: pulumi.ComponentResource
) -> core.Namespace:
    """A Namespace called `title` that enforces, audits and warns of one level of the Pod Security Standards."""
    labels = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "audit", "warn")}
    labels["app.kubernetes.io/part-of"] = f"{pulumi.get_project()}-{pulumi.get_stack()}"
    return core.Namespace(
        f"{name}-namespace",
        metadata=meta.ObjectMetaArgs(name=title, labels=labels),
        opts=pulumi.ResourceOptions(parent=parent),
    )


def restricted_container() -> core.SecurityContextArgs:
    """What a container needs to pass `restricted`, and a root file system that nobody writes."""
    return core.SecurityContextArgs(
        allow_privilege_escalation=False, read_only_root_filesystem=True, capabilities=core.CapabilitiesArgs(drop=["ALL"])
    )


def restricted_pod(uid: int) -> core.PodSecurityContextArgs:
    """What a Pod needs to pass `restricted`, as user and group `uid`."""
    return core.PodSecurityContextArgs(
        run_as_non_root=True, run_as_user=uid, run_as_group=uid, seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault")
    )


def pull_secrets(name: str | None) -> list[core.LocalObjectReferenceArgs]:
    """The `imagePullSecrets` of a Pod, by the name of the namespace's pull secret."""
    return [core.LocalObjectReferenceArgs(name=name)] if name else []


def pull_secret(
    name: str, namespace: core.Namespace, login: pulumi.Input[str] | None, parent: pulumi.ComponentResource
) -> list[core.LocalObjectReferenceArgs]:
    """The `imagePullSecrets` of a namespace's Pods; makes the Secret where `login`, a docker config.json (secret), is given."""
    if login is None:
        return []
    secret = core.Secret(
        f"{name}-pull-secret",
        metadata=meta.ObjectMetaArgs(name=PULL_SECRET, namespace=namespace.metadata["name"]),
        type="kubernetes.io/dockerconfigjson",
        string_data={".dockerconfigjson": pulumi.Output.secret(login)},
        opts=pulumi.ResourceOptions(parent=parent, deleted_with=namespace),
    )
    return [core.LocalObjectReferenceArgs(name=secret.metadata["name"])]
