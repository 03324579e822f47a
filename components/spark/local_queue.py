"""The queue of Kueue in which Spark's Pods wait for their share of a cluster."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta import v1 as meta

from components.kubernetes.namespace import NamespaceRef

QUEUE = "spark"


@dataclass(frozen=True, kw_only=True)
class LocalQueueArgs:
    """What the queue needs."""

    namespace: NamespaceRef
    """Where notebooks compute."""

    cluster_queue: str
    """Name of a ClusterQueue that exists."""


class LocalQueue(pulumi.ComponentResource):
    """A LocalQueue that leads to the site's ClusterQueue.

    Creates: LocalQueue `spark`, which drivers and executors name by their label. Kueue is the site's: which Pods it watches, too.
    Source: kueue, docs/tasks/run/plain_pods.
    """

    def __init__(self, name: str, args: LocalQueueArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:LocalQueue", name, {}, opts)
        CustomResource(
            f"{name}-queue",
            api_version="kueue.x-k8s.io/v1beta1",
            kind="LocalQueue",
            metadata=meta.ObjectMetaArgs(name=QUEUE, namespace=args.namespace.title),
            spec={"clusterQueue": args.cluster_queue},
            opts=pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource),
        )
        self.register_outputs({})
