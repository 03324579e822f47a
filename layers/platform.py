"""The whole platform: in a cluster, or on machines as the fall-back."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from layers import access, cloud, machines, models, observability, spark, storage, zeppelin
from layers.stack import Stack


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What a stack tells of what it has built. None stands for what is not there without a cluster."""

    url: str
    """Address of the platform."""

    passwords: pulumi.Output[dict[str, str]]
    """Passwords by login name, the administrator's first (secret); none where a directory has them."""

    test_user: str | None
    """Login name of the test notebook, or None."""

    kubeconfig: pulumi.Output[str] | None
    """Kubeconfig of an administrator (secret)."""

    public_address: pulumi.Input[str | None]
    """Floating IP of the platform, or None."""

    namespaces: Mapping[str, str]
    """Namespaces by what they are for."""

    version: pulumi.Input[str] | None
    """Version of Kubernetes that the cluster runs."""


def build(stack: Stack) -> Platform:
    """Everything that a stack file says."""
    return _on_machines(stack) if stack.settings.machines else _in_cluster(stack)


def _in_cluster(stack: Stack) -> Platform:
    ground = cloud.build(stack)  # OpenStack network and Magnum cluster, or a cluster that exists
    data = storage.build(stack, ground)  # shares, buckets, volumes, CSI plug-ins
    engine = spark.build(stack, ground, data)  # namespace, quotas, rights, admission, policies, history, dataset check
    notebooks = zeppelin.build(stack, data, engine)  # server after the isolation, backups, images, cleaner
    models.build(stack, data, engine, notebooks)  # MLflow, where the stack has it
    door = access.build(stack, ground, data, engine, notebooks)  # gateway, TLS, OIDC proxy, load balancer or Ingress
    watch = observability.build(stack, data, engine, notebooks)  # metrics, alerts, dashboards, test notebook
    return Platform(
        url=door.url,
        passwords=notebooks.passwords,
        test_user=watch.test_user,
        kubeconfig=ground.kubeconfig,
        public_address=door.public_address,
        namespaces={**data.namespaces, **engine.namespaces, **notebooks.namespaces, **watch.namespaces},
        version=ground.version,
    )


def _on_machines(stack: Stack) -> Platform:
    made = machines.build(stack)  # network, shares, a gateway with Zeppelin and the ResourceManager, workers with NodeManagers
    return Platform(
        url=made.url,
        passwords=made.passwords,
        test_user=None,
        kubeconfig=None,
        public_address=made.public_address,
        namespaces={},
        version=None,
    )
