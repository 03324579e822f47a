"""Brings the large images to every Spark node before a notebook waits for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import restricted_container, restricted_pod
from components.names import IMAGE_PULLER, IMAGE_PULLER_LABELS, NOT_AWAITED, SPARK_UID


@dataclass(frozen=True, kw_only=True)
class ImagePullerArgs:
    """What the puller needs."""

    namespace: NamespaceRef
    """Where it runs: that of Zeppelin, so that it takes nothing of the notebooks' quota."""

    images: Sequence[str]
    """Images to pull; each has a shell."""

    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels of the Spark nodes."""


class ImagePuller(pulumi.ComponentResource):
    """A DaemonSet on the Spark nodes: one initContainer per image does nothing but need it, then the last image sleeps.

    Creates: DaemonSet. A node that an autoscaler adds begins to pull as it joins, beside the Pods that wait for it.
    """

    def __init__(self, name: str, args: ImagePullerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:ImagePuller", name, {}, opts)
        apps.DaemonSet(
            f"{name}-pull",
            metadata=meta.ObjectMetaArgs(
                name=IMAGE_PULLER,
                namespace=args.namespace.title,
                labels=IMAGE_PULLER_LABELS,
                # A stack is up before gigabytes have arrived on its last node.
                annotations=dict(NOT_AWAITED),
            ),
            spec=apps.DaemonSetSpecArgs(
                selector=meta.LabelSelectorArgs(match_labels=IMAGE_PULLER_LABELS),
                template=core.PodTemplateSpecArgs(metadata=meta.ObjectMetaArgs(labels=IMAGE_PULLER_LABELS), spec=_pod(args)),
            ),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource),
        )
        self.register_outputs({"images": list(args.images)})


def _pod(args: ImagePullerArgs) -> core.PodSpecArgs:
    def container(title: str, image: str, command: str) -> core.ContainerArgs:
        return restricted_container(
            title,
            image,
            requests={"cpu": "1m", "memory": "4Mi", "ephemeral-storage": "1Mi"},
            limits={"cpu": "50m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
            command=["sh", "-c", command],
        )

    return restricted_pod(
        args.namespace,
        uid=SPARK_UID,
        containers=[container("sleep", args.images[-1], "while sleep 3600; do :; done")],
        init_containers=[container(f"pull-{index}", image, "true") for index, image in enumerate(args.images)],
        termination_grace_period_seconds=0,
        node_selector=dict(args.node_selector),
    )
