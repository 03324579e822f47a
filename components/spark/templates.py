"""The templates that Pods of notebooks are made from: Zeppelin's of interpreters, Spark's of executors. Plain functions, no resource."""

import json
from collections.abc import Mapping
from typing import Any

from components.files import dumped, parsed, text
from components.models.client import model_client_environment
from components.names import CONNECT_PORT, HISTORY_CLAIM, RPC_PORT, SPARK_NAMESPACE, SPARK_UID, ZEPPELIN, ZEPPELIN_NAMESPACE, user_claim
from components.spark.gpus import with_gpu
from components.spark.notebook_pods import NotebookPods
from settings.values.spark import LanguageSize, NotebookSize, PodSize

DRIVER_BURST = 2
"""How many times its cores a driver may use while others leave them idle: held to one core, a start took ten seconds longer."""

LANGUAGE_BURST = 4
"""How many times what it requests another interpreter may use: it mostly waits."""


def interpreter_template(
    pods: NotebookPods,
    sizes: Mapping[str, NotebookSize],
    environment: Mapping[str, str],
    files: str,
    languages: LanguageSize,
) -> str:
    """The template that Zeppelin renders for each interpreter group, with the platform's values set in front of it.

    sizes: of Spark, by interpreter setting. environment: what a process needs to reach the world. files: name of the ConfigMap that
    interpreters mount at /opt/platform. languages: size of all other interpreters.
    """
    identities = pods.identities
    variables = {
        "ZEPPELIN_HOME": "/opt/zeppelin",
        "ZEPPELIN_LOG_DIR": "/work/logs",
        "ZEPPELIN_PID_DIR": "/work/run",
        "SPARK_HOME": "/opt/spark",
        "HOME": "/work",
        "PYSPARK_PYTHON": "python3",
        "PYSPARK_DRIVER_PYTHON": "python3",
        **environment,
    }
    models = model_client_environment() if pods.models else {}
    platform = {
        "namespace": SPARK_NAMESPACE,
        "server_service": f"{ZEPPELIN}.{ZEPPELIN_NAMESPACE}.svc",
        "server_rpc_port": str(RPC_PORT),
        "driver_account": identities.driver,
        "interpreter_account": identities.interpreter,
        "driver_priority": identities.priorities.driver,
        "zeppelin_image": pods.zeppelin_image,
        "spark_image": pods.spark_image,
        "files": files,
        "node_selector": dict(pods.node_selector),
        "pull_secrets": _pull_secrets(pods),
        "executor_priority": identities.priorities.executor,
        "people": dict(identities.people),
        "sizes": {name: _driver_amounts(size.driver) for name, size in sizes.items()},
        "languages": _amounts(_language_resources(languages), {"cpu": f"{languages.cores * 1000 // LANGUAGE_BURST}m"}),
        "environment": [{"name": key, "value": value} for key, value in variables.items()],
        "fixed_environment": [
            *variables,
            "APPLICATION_WEB_PROXY_BASE",
            "HADOOP_CONF_DIR",
            "SPARK_CONF_DIR",
            "CONNECT_ADDRESS",
            "YARN_CONF_DIR",
            "HADOOP_USER_NAME",
            *models,
        ],
        "models": [{"name": key, "value": value} for key, value in models.items()],
        "user_space": pods.user_space,
        "history": HISTORY_CLAIM if pods.history else "",
        "yarn": pods.yarn,
        "queue_labels": dict(pods.queue_labels),
        "security": _security(pods),
        "hadoop_conf": pods.hadoop_conf or "",
        "connect": {"address": pods.connect, "port": CONNECT_PORT} if pods.connect else "",
        "datasets": [
            {"volume": _volume(index), "claim": mount.claim, "path": mount.dataset.location} for index, mount in enumerate(pods.mounts)
        ],
    }
    return f"{{% set platform = {json.dumps(platform)} %}}\n{text('spark/files/interpreter.yaml.jinja')}"


def _resources(size: PodSize) -> dict[str, str]:
    """Requests of a Pod as Kubernetes writes them, which are the limits, too, except for a driver's processor."""
    return {"cpu": str(size.cores), "memory": f"{size.total_memory_gib}Gi", "ephemeral-storage": f"{size.scratch_gib}Gi"}


def _driver_amounts(size: PodSize) -> dict[str, Any]:
    resources = _resources(size)
    return _amounts(resources | {"cpu": str(DRIVER_BURST * size.cores)}, resources)


def _language_resources(size: LanguageSize) -> dict[str, str]:
    """Limits of interpreters other than Spark, in Kubernetes' form."""
    return {"cpu": str(size.cores), "memory": f"{size.memory_gib}Gi", "ephemeral-storage": f"{size.scratch_gib}Gi"}


def _amounts(limits: dict[str, str], requests: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What the template says of a size. requests: where they are less than the limits."""
    return {"limits": limits, "requests": limits | dict(requests or {}), "scratch": limits["ephemeral-storage"]}


def _security(pods: NotebookPods) -> dict[str, Any]:
    """The security context of interpreters' and executors' Pods."""
    context: dict[str, Any] = {
        "runAsNonRoot": True,
        "runAsUser": SPARK_UID,
        "runAsGroup": SPARK_UID,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return context | ({"fsGroup": pods.fs_group, "fsGroupChangePolicy": "OnRootMismatch"} if pods.fs_group else {})


def executor_templates(pods: NotebookPods, sizes: Mapping[str, NotebookSize]) -> dict[str, str]:
    """Every executor template by the name of its file: one per size, and one more for people who have a space of their own."""
    result = {}
    for title, size in sizes.items():
        gpu = size.gpu and size.gpu.pool
        result[f"executor-{title}.yaml"] = executor_template(pods, size.executor, gpu=gpu)
        if pods.user_space:
            result[f"executor-{title}.person.yaml"] = executor_template(pods, size.executor, person=True, gpu=gpu)
    return result


def executor_template(pods: NotebookPods, size: PodSize, *, person: bool = False, gpu: str | None = None) -> str:
    """The Pod that Spark makes executors from, as YAML; `@priority@` and `@user@` are filled in as a driver starts.

    person: whether the claim of the driver's person is mounted. gpu: the pool on which it has a GPU, or None.
    """
    pod: dict[str, Any] = parsed(text("spark/files/executor.yaml"))
    spec = pod["spec"]
    spec |= {
        "serviceAccountName": pods.identities.executor,
        "nodeSelector": dict(pods.node_selector),
        "imagePullSecrets": _pull_secrets(pods),
        "securityContext": _security(pods),
    }
    pod["metadata"]["labels"] |= pods.queue_labels
    container = spec["containers"][0]
    # Spark sets processor and memory; local disk is ours to bound.
    disk = {"ephemeral-storage": f"{size.scratch_gib}Gi"}
    container["resources"] = {"requests": disk, "limits": disk}
    for index, mount in enumerate(pods.mounts):
        container["volumeMounts"].append({"name": _volume(index), "mountPath": mount.dataset.location, "readOnly": True})
        spec["volumes"].append({"name": _volume(index), "persistentVolumeClaim": {"claimName": mount.claim, "readOnly": True}})
    if pods.models:
        container["env"] = [{"name": key, "value": value} for key, value in model_client_environment().items()]
    if person:
        container["volumeMounts"].append({"name": "user", "mountPath": "/user/@user@"})
        spec["volumes"].append({"name": "user", "persistentVolumeClaim": {"claimName": user_claim("@user@")}})
    if gpu:
        with_gpu(pod, dict(pods.gpu_nodes[gpu]))
    return dumped(pod)


def _volume(index: int) -> str:
    return f"data-{index}"


def _pull_secrets(pods: NotebookPods) -> list[dict[str, str]]:
    return [{"name": pods.pull_secret}] if pods.pull_secret else []
