"""What brings the large images to every Spark node before a notebook waits for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.kubernetes.namespace import pull_secrets, restricted_container, restricted_pod

_LABELS = {"app.kubernetes.io/name": "image-puller"}


@dataclass(frozen=True, kw_only=True)
class ImagePullerArgs:
    """What the puller needs.

    namespace: where it runs, that of Zeppelin, so that it takes nothing of the notebooks' quota, a Namespace resource.
    images: to pull; each has a shell. node_selector: labels of the Spark nodes. pull_secret: name of the pull secret, or None.
    """

    namespace: core.Namespace
    images: Sequence[str]
    node_selector: Mapping[str, str] = field(default_factory=dict)
    pull_secret: str | None = None


class ImagePuller(pulumi.ComponentResource):
    """A DaemonSet on the Spark nodes: one initContainer per image does nothing but need it, then the last image sleeps.

    Creates: DaemonSet. A node that an autoscaler adds begins to pull as it joins, beside the Pods that wait for it.
    """

    def __init__(self, name: str, args: ImagePullerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:ImagePuller", name, {}, opts)
        apps.DaemonSet(
            f"{name}-pull",
            metadata=meta.ObjectMetaArgs(
                name="image-puller",
                namespace=args.namespace.metadata["name"],
                labels=_LABELS,
                # A stack is up before gigabytes have arrived on its last node.
                annotations={"pulumi.com/skipAwait": "true"},
            ),
            spec=apps.DaemonSetSpecArgs(
                selector=meta.LabelSelectorArgs(match_labels=_LABELS),
                template=core.PodTemplateSpecArgs(metadata=meta.ObjectMetaArgs(labels=_LABELS), spec=_pod(args)),
            ),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=args.namespace),
        )
        self.register_outputs({"images": list(args.images)})


def _pod(args: ImagePullerArgs) -> core.PodSpecArgs:
    def container(title: str, image: str, command: str) -> core.ContainerArgs:
        return core.ContainerArgs(
            name=title,
            image=image,
            command=["sh", "-c", command],
            security_context=restricted_container(),
            resources=core.ResourceRequirementsArgs(
                requests={"cpu": "1m", "memory": "8Mi", "ephemeral-storage": "1Mi"},
                limits={"cpu": "50m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
            ),
        )

    return core.PodSpecArgs(
        automount_service_account_token=False,
        enable_service_links=False,
        termination_grace_period_seconds=0,
        node_selector=dict(args.node_selector),
        image_pull_secrets=pull_secrets(args.pull_secret),
        security_context=restricted_pod(185),
        init_containers=[container(f"pull-{index}", image, "true") for index, image in enumerate(args.images)],
        containers=[container("sleep", args.images[-1], "while sleep 3600; do :; done")],
    )
