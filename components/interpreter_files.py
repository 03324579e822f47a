"""The texts that Pods read, made from `components/files/` and from what the stack decides. Plain functions, no resource."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

FILES = Path(__file__).parent / "files"
SHIRO_ITERATIONS = 500_000
"""Iterations of Shiro 1.13's own DefaultPasswordService."""


def text(name: str) -> str:
    """The file `name` of components/files."""
    return (FILES / name).read_text(encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class PodSizeArgs:
    """The size of a Spark Pod. cores: whole number. memory_gib: heap. overhead_gib: memory beside it.
    scratch_gib: local disk, all of it.
    """

    cores: int
    memory_gib: int
    overhead_gib: int
    scratch_gib: int

    def resources(self) -> dict[str, str]:
        """Requests, which are the limits too, as Kubernetes writes them."""
        return {
            "cpu": str(self.cores),
            "memory": f"{self.memory_gib + self.overhead_gib}Gi",
            "ephemeral-storage": f"{self.scratch_gib}Gi",
        }


@dataclass(frozen=True, kw_only=True)
class MountArgs:
    """A dataset inside a Pod. claim: name of the claim. path: absolute mount path."""

    claim: str
    path: str


@dataclass(frozen=True, kw_only=True)
class InterpreterArgs:
    """What every interpreter and executor of a stack has in common.

    namespace: where they run. server_service: host name of Zeppelin's RPC service. driver_account, executor_account,
    interpreter_account: ServiceAccounts. driver_priority, executor_priority: PriorityClasses. zeppelin_image, spark_image: images.
    datasets: what is mounted, read-only. node_selector: labels of the Spark nodes.
    pull_secret: name of the pull secret, or None. driver, executor: sizes. max_executors: of one notebook.
    executor_idle_seconds, cached_idle_seconds: when executors are released. environment: what a process needs to reach the world.
    maven_mirror: address, or None.
    """

    namespace: str
    server_service: str
    driver_account: str
    executor_account: str
    interpreter_account: str
    driver_priority: str
    executor_priority: str
    zeppelin_image: str
    spark_image: str
    datasets: Sequence[MountArgs] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    pull_secret: str | None = None
    driver: PodSizeArgs
    executor: PodSizeArgs
    max_executors: int
    executor_idle_seconds: int
    cached_idle_seconds: int
    environment: Mapping[str, str] = field(default_factory=dict)
    maven_mirror: str | None = None


RPC_PORT = 12320
"""Port of Zeppelin's server for interpreters: one port, so that a Service can name it."""


def interpreter_template(args: InterpreterArgs, files: str) -> str:
    """The template that Zeppelin renders for each interpreter group, with the platform's values set in front of it.

    files: name of the ConfigMap that interpreters mount at /opt/platform.
    """
    environment = {
        "ZEPPELIN_HOME": "/opt/zeppelin",
        "ZEPPELIN_LOG_DIR": "/work/logs",
        "ZEPPELIN_PID_DIR": "/work/run",
        "SPARK_HOME": "/opt/spark",
        "HOME": "/work",
        "PYSPARK_PYTHON": "python3",
        "PYSPARK_DRIVER_PYTHON": "python3",
        **args.environment,
    }
    platform = {
        "namespace": args.namespace,
        "server_service": args.server_service,
        "server_rpc_port": str(RPC_PORT),
        "driver_account": args.driver_account,
        "interpreter_account": args.interpreter_account,
        "driver_priority": args.driver_priority,
        "zeppelin_image": args.zeppelin_image,
        "spark_image": args.spark_image,
        "files": files,
        "node_selector": dict(args.node_selector),
        "pull_secrets": _pull_secrets(args),
        "driver_resources": args.driver.resources(),
        "driver_scratch": f"{args.driver.scratch_gib}Gi",
        "environment": [{"name": key, "value": value} for key, value in environment.items()],
        "fixed_environment": list(environment),
        "datasets": [{"volume": _volume(index), "claim": mount.claim, "path": mount.path} for index, mount in enumerate(args.datasets)],
    }
    return f"{{% set platform = {json.dumps(platform)} %}}\n{text('interpreter.yaml.jinja')}"


def executor_template(args: InterpreterArgs) -> str:
    """The Pod that Spark makes executors from, as YAML."""
    pod: dict[str, Any] = yaml.safe_load(text("executor.yaml"))
    spec = pod["spec"]
    spec |= {
        "serviceAccountName": args.executor_account,
        "priorityClassName": args.executor_priority,
        "nodeSelector": dict(args.node_selector),
        "imagePullSecrets": _pull_secrets(args),
    }
    container = spec["containers"][0]
    # Spark sets processor and memory; local disk is ours to bound.
    disk = {"ephemeral-storage": f"{args.executor.scratch_gib}Gi"}
    container["resources"] = {"requests": disk, "limits": disk}
    for index, mount in enumerate(args.datasets):
        container["volumeMounts"].append({"name": _volume(index), "mountPath": mount.path, "readOnly": True})
        spec["volumes"].append({"name": _volume(index), "persistentVolumeClaim": {"claimName": mount.claim, "readOnly": True}})
    return yaml.safe_dump(pod, sort_keys=False)


def _volume(index: int) -> str:
    return f"data-{index}"


def _pull_secrets(args: InterpreterArgs) -> list[dict[str, str]]:
    return [{"name": args.pull_secret}] if args.pull_secret else []


def spark_properties(args: InterpreterArgs) -> dict[str, str]:
    """The Spark settings of every notebook. Sources: zeppelin-spark-k8s.md 2.2; `spark.executor.instances` is blank because Zeppelin
    presets 2, which would be the number that dynamic allocation starts with.
    """
    executor, driver = args.executor, args.driver
    properties = {
        "spark.master": "k8s://https://kubernetes.default.svc",
        "spark.submit.deployMode": "client",
        "spark.app.name": "zeppelin",
        "spark.driver.cores": str(driver.cores),
        "spark.driver.memory": f"{driver.memory_gib}g",
        "spark.executor.cores": str(executor.cores),
        "spark.executor.memory": f"{executor.memory_gib}g",
        "spark.executor.memoryOverhead": f"{executor.overhead_gib}g",
        "spark.executor.instances": "",
        "spark.kubernetes.executor.limit.cores": str(executor.cores),
        "spark.kubernetes.executor.podTemplateFile": "/opt/platform/executor.yaml",
        "spark.kubernetes.executor.podTemplateContainerName": "executor",
        "spark.kubernetes.authenticate.executor.serviceAccountName": args.executor_account,
        "spark.kubernetes.driver.ownPersistentVolumeClaim": "false",
        "spark.kubernetes.driver.reusePersistentVolumeClaim": "false",
        "spark.kubernetes.driver.service.deleteOnTermination": "false",
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        "spark.dynamicAllocation.minExecutors": "0",
        "spark.dynamicAllocation.maxExecutors": str(args.max_executors),
        "spark.dynamicAllocation.executorIdleTimeout": f"{args.executor_idle_seconds}s",
        "spark.dynamicAllocation.cachedExecutorIdleTimeout": f"{args.cached_idle_seconds}s",
        "spark.dynamicAllocation.shuffleTracking.timeout": f"{args.cached_idle_seconds}s",
        "spark.authenticate": "true",
        "spark.network.crypto.enabled": "true",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.jars.ivy": "/work/.ivy2",
    }
    if args.maven_mirror:
        properties["spark.jars.repositories"] = args.maven_mirror
    return properties


def interpreter_settings(args: InterpreterArgs) -> str:
    """Zeppelin's settings of our interpreters, as JSON in the form of interpreter.json: one Pod per notebook and language."""
    kinds = {
        "spark": spark_properties(args) | {"SPARK_HOME": "/opt/spark", "PYSPARK_PYTHON": "python3", "PYSPARK_DRIVER_PYTHON": "python3"},
        "python": {"zeppelin.python": "python3", "zeppelin.python.useIPython": "false"},
        "md": {"markdown.parser.type": "flexmark"},
    }
    settings = {
        name: {
            "id": name,
            "name": name,
            "group": name,
            "properties": {
                key: {"name": key, "value": value, "type": "string"}
                for key, value in ({"zeppelin.k8s.interpreter.namespace": args.namespace} | properties).items()
            },
            "dependencies": [],
            "option": {
                "remote": True,
                "port": -1,
                "perNote": "isolated",
                "perUser": "isolated",
                "isExistingProcess": False,
                "isUserImpersonate": False,
            },
        }
        for name, properties in kinds.items()
    }
    return json.dumps({"interpreterSettings": settings}, indent=2)


def shiro_hash(password: str, salt: bytes, iterations: int = SHIRO_ITERATIONS) -> str:
    """A password in Shiro's own format, `$shiro1$SHA-256$<iterations>$<salt>$<digest>`, both base64.

    Source: org.apache.shiro.crypto.hash.SimpleHash of Shiro 1.13: the salt is digested before the password, and each further
    iteration digests the digest.
    """
    digest = hashlib.sha256(salt + password.encode()).digest()
    for _ in range(iterations - 1):
        digest = hashlib.sha256(digest).digest()
    return f"$shiro1$SHA-256${iterations}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def shiro_ini(administrator: str, password_hash: str, *, secure_cookie: bool) -> str:
    """Zeppelin's shiro.ini with one administrator."""
    values = {"administrator": administrator, "password_hash": password_hash, "cookie_secure": str(secure_cookie).lower()}
    result = text("shiro.ini")
    for key, value in values.items():
        result = result.replace(f"@{key}@", value)
    return result
