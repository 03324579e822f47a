"""A GPU for each executor of a profile: how Spark asks for it, how an executor finds it, and what its Pod looks like.

Sources: https://spark.apache.org/docs/4.0.0/configuration.html#custom-resource-scheduling-and-configuration-overview,
https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/ and https://github.com/NVIDIA/k8s-device-plugin.
"""

from typing import Any

import pulumi
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import NamespaceRef
from components.names import GPU_FILES
from settings.values.spark import ExecutorGpu

GPU = "nvidia.com/gpu"
"""What NVIDIA's device plug-in calls a GPU, and how pools of them are tainted (GKE does by itself)."""

GPU_CLASS = ".gpu"
"""Ends the PriorityClass of executors with a GPU. A quota with a PriorityClass as its scope counts Pods and no GPUs (kubernetes:
pkg/apis/core/helper/helpers.go, podComputeQuotaResources, 1.36), and each of these Pods has one. No name of a person has a dot."""

_FOLDER, _SCRIPT = "/opt/gpu", "find-gpus.sh"


class GpuFiles(pulumi.ComponentResource):
    """The script by which an executor tells Spark which GPUs it has, as a ConfigMap in the namespace of notebooks."""

    def __init__(self, name: str, namespace: NamespaceRef, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:GpuFiles", name, {}, opts)
        core.ConfigMap(
            f"{name}-files",
            metadata=meta.ObjectMetaArgs(name=GPU_FILES, namespace=namespace.title),
            data={_SCRIPT: text("spark/files/find-gpus.sh")},
            opts=pulumi.ResourceOptions(parent=self, deleted_with=namespace.resource),
        )
        self.register_outputs({})


def gpu_properties(gpu: ExecutorGpu) -> dict[str, str]:
    """How Spark asks for the GPU of an executor, and shares it among tasks."""
    return {
        "spark.executor.resource.gpu.amount": "1",
        "spark.executor.resource.gpu.vendor": GPU.partition("/")[0],
        "spark.executor.resource.gpu.discoveryScript": f"{_FOLDER}/{_SCRIPT}",
        # Cut off, not rounded: seven tasks of 0.1429 would not fit.
        "spark.task.resource.gpu.amount": f"{10_000 // gpu.tasks / 10_000:g}",
    }


def with_gpu(pod: dict[str, Any], nodes: dict[str, str]) -> None:
    """Change the template of an executor for one with a GPU, which Spark itself adds to its limits. nodes: their labels."""
    spec = pod["spec"]
    spec["nodeSelector"] = nodes
    spec["priorityClassName"] += GPU_CLASS
    spec["tolerations"].append({"key": GPU, "operator": "Exists", "effect": "NoSchedule"})
    spec["volumes"].append({"name": "gpu", "configMap": {"name": GPU_FILES, "defaultMode": 0o555}})
    spec["containers"][0]["volumeMounts"].append({"name": "gpu", "mountPath": _FOLDER, "readOnly": True})
