"""The one builder of Pods that pass Pod Security `restricted`, and the small parts that Pods are made of."""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.policy import v1 as policy

from components.kubernetes.namespace import NamespaceRef
from components.names import Labels

Amounts = Mapping[str, str]
"""Amounts of `cpu`, `memory` and `ephemeral-storage`, as Kubernetes writes them."""


def restricted_pod(
    namespace: NamespaceRef,
    *,
    uid: int,
    gid: int | None = None,
    fs_group: int | None = None,
    containers: Sequence[core.ContainerArgs],
    volumes: Sequence[core.VolumeArgs] | None = None,
    token: bool = False,
    **more: Any,
) -> core.PodSpecArgs:
    """A Pod that passes `restricted`: no root, no token unless it asks for one, the runtime's own seccomp profile.

    uid: user. gid: group; by default the number of the user. fs_group: group that owns volumes of a storage class, or None.
    token: whether it calls the Kubernetes API. more: further fields of the PodSpec.
    """
    return core.PodSpecArgs(
        automount_service_account_token=token,
        enable_service_links=False,
        image_pull_secrets=namespace.image_pull_secrets,
        security_context=core.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=uid,
            run_as_group=uid if gid is None else gid,
            fs_group=fs_group,
            fs_group_change_policy="OnRootMismatch" if fs_group is not None else None,
            seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        containers=list(containers),
        volumes=list(volumes) if volumes is not None else None,
        **more,
    )


def restricted_container(name: str, image: str, *, requests: Amounts, limits: Amounts, **more: Any) -> core.ContainerArgs:
    """A container that passes `restricted`, with a root file system that nobody writes. more: further fields of the Container."""
    return core.ContainerArgs(
        name=name,
        image=image,
        security_context=core.SecurityContextArgs(
            allow_privilege_escalation=False, read_only_root_filesystem=True, capabilities=core.CapabilitiesArgs(drop=["ALL"])
        ),
        resources=core.ResourceRequirementsArgs(requests=dict(requests), limits=dict(limits)),
        **more,
    )


def variables(values: Mapping[str, str]) -> list[core.EnvVarArgs]:
    """Environment variables of these names and values."""
    return [core.EnvVarArgs(name=key, value=value) for key, value in values.items()]


def secret_variable(name: str, secret: pulumi.Input[str], key: str) -> core.EnvVarArgs:
    """An environment variable from one key of a Secret."""
    source = core.EnvVarSourceArgs(secret_key_ref=core.SecretKeySelectorArgs(name=secret, key=key))
    return core.EnvVarArgs(name=name, value_from=source)


def field_variable(name: str, path: str) -> core.EnvVarArgs:
    """An environment variable from a field of the Pod, such as `spec.nodeName`."""
    return core.EnvVarArgs(name=name, value_from=core.EnvVarSourceArgs(field_ref=core.ObjectFieldSelectorArgs(field_path=path)))


def http_probe(path: str, port: int | str, *, period: int, timeout: int | None = None, failures: int | None = None) -> core.ProbeArgs:
    """A probe by HTTP. period, timeout: in seconds. failures: how many in a row count."""
    action = core.HTTPGetActionArgs(path=path, port=port)
    return core.ProbeArgs(http_get=action, period_seconds=period, timeout_seconds=timeout, failure_threshold=failures)


def mount(volume: str, path: str, *, file: str | None = None, read_only: bool | None = None) -> core.VolumeMountArgs:
    """Where a container finds a volume. file: one file of it alone."""
    return core.VolumeMountArgs(name=volume, mount_path=path, sub_path=file, read_only=read_only)


def scratch_volume(name: str, size: str) -> core.VolumeArgs:
    """A folder that goes with its Pod. size: as Kubernetes writes it; who writes more is evicted."""
    return core.VolumeArgs(name=name, empty_dir=core.EmptyDirVolumeSourceArgs(size_limit=size))


def config_volume(name: str, config: pulumi.Input[str]) -> core.VolumeArgs:
    """The files of a ConfigMap."""
    return core.VolumeArgs(name=name, config_map=core.ConfigMapVolumeSourceArgs(name=config))


def secret_volume(name: str, secret: pulumi.Input[str]) -> core.VolumeArgs:
    """The files of a Secret."""
    return core.VolumeArgs(name=name, secret=core.SecretVolumeSourceArgs(secret_name=secret))


def claim_volume(name: str, claim: pulumi.Input[str], *, read_only: bool | None = None) -> core.VolumeArgs:
    """The volume of a claim."""
    source = core.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim, read_only=read_only)
    return core.VolumeArgs(name=name, persistent_volume_claim=source)


def disruption_budget(name: str, title: str, namespace: NamespaceRef, labels: Labels, parent: pulumi.Resource) -> None:
    """A PodDisruptionBudget: a drained node never takes the last Pod with these labels. title: name of the Deployment."""
    policy.PodDisruptionBudget(
        f"{name}-budget",
        metadata=meta.ObjectMetaArgs(name=title, namespace=namespace.title, labels=labels),
        spec=policy.PodDisruptionBudgetSpecArgs(min_available=1, selector=meta.LabelSelectorArgs(match_labels=labels)),
        opts=pulumi.ResourceOptions(parent=parent, deleted_with=namespace.resource),
    )
