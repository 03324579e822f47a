"""The Zeppelin server's Pod, and Zeppelin's own settings in its environment."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.core import v1 as core

from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import (
    claim_volume,
    config_volume,
    http_probe,
    mount,
    restricted_container,
    restricted_pod,
    scratch_volume,
    secret_variable,
    secret_volume,
)
from components.names import (
    INTERPRETER_PORT,
    RPC_PORT,
    SPARK_NAMESPACE,
    ZEPPELIN,
    ZEPPELIN_NAMESPACE,
    ZEPPELIN_PORT,
    ZEPPELIN_UID,
)
from components.zeppelin.interpreters import InterpreterArgs
from components.zeppelin.sidecars import LOGS, alive_probe, lost_closer, rpc_filter, script, websocket_guard
from settings.values.spark import SparkSettings
from settings.values.zeppelin import ZeppelinSettings

CONNECT_SECONDS = 180
"""Seconds that an interpreter has from the start of its Pod until it answers: a JVM, and nothing to download."""

_SEED = """
mkdir -p /notebooks/notebook /notebooks/conf /notebooks/recovery
python3 /seed/seed_interpreters.py /seed/interpreter.json /notebooks/conf/interpreter.json /opt/zeppelin/interpreter /work/interpreter
python3 /seed/seed_notebooks.py /seed/notebooks.json /notebooks/notebook
"""
_FIND = (SPARK_NAMESPACE, str(INTERPRETER_PORT), "/notebooks/recovery", "/notebooks/conf/interpreter.json")
"""What find_interpreters.py needs to know; then it runs the server."""


@dataclass(frozen=True, kw_only=True)
class ServerPodArgs:
    """What the server's Pod is made of."""

    namespace: NamespaceRef
    """Where it runs."""

    server: ZeppelinSettings
    """Its processor cores and memory."""

    image: str
    """Zeppelin."""

    priority: str
    """PriorityClass."""

    account: pulumi.Input[str]
    """ServiceAccount, whose token makes interpreters."""

    config: pulumi.Input[str]
    """ConfigMap with the environment."""

    files: pulumi.Input[str]
    """ConfigMap with the files that the server reads."""

    login: pulumi.Input[str]
    """Secret with shiro.ini and the key of stored credentials."""

    claim: pulumi.Input[str]
    """Claim of the notebooks."""

    certificates: bool
    """Whether there is a bundle of certificates to trust among the files."""


def server_pod(args: ServerPodArgs) -> core.PodSpecArgs:
    """The server's Pod: restricted, its root file system read-only, everything it writes on the notebooks' volume or a scratch folder."""
    notebooks = mount("notebooks", "/notebooks")
    size = {"cpu": str(args.server.cores), "memory": f"{args.server.memory_gib}Gi"}
    certificates = [mount("platform", "/opt/platform/ca-bundle.pem", file="ca-bundle.pem", read_only=True)] if args.certificates else []
    seed = restricted_container(
        "seed-interpreters",
        args.image,
        requests={"cpu": "100m", "memory": "128Mi"},
        limits={"cpu": "500m", "memory": "256Mi"},
        command=["sh", "-ec"],
        args=[_SEED],
        volume_mounts=[notebooks, mount("platform", "/seed", read_only=True), mount("work", "/work")],
    )
    server = restricted_container(
        "zeppelin",
        args.image,
        # It mostly waits. All of its memory is its own, though it holds a tenth of it until many notebooks are open: who holds more than
        # they requested goes first when a node runs out, and with the server goes what everybody runs.
        requests=size | {"cpu": f"{args.server.cores * 250}m", "ephemeral-storage": "2Gi"},
        limits=size | {"ephemeral-storage": "4Gi"},
        command=["python3", "/opt/platform/find_interpreters.py", *_FIND, "/opt/zeppelin/bin/zeppelin.sh"],
        env_from=[core.EnvFromSourceArgs(config_map_ref=core.ConfigMapEnvSourceArgs(name=args.config))],
        env=[secret_variable("ZEPPELIN_CREDENTIALS_ENCRYPT_KEY", args.login, "credentials-key")],
        ports=[
            core.ContainerPortArgs(name="http", container_port=ZEPPELIN_PORT),
            core.ContainerPortArgs(name="rpc", container_port=RPC_PORT),
        ],
        # A first start indexes all notebooks before it answers.
        startup_probe=http_probe("/api/version", "http", period=10, timeout=5, failures=60),
        readiness_probe=http_probe("/api/version", "http", period=10, timeout=5, failures=3),
        # The thread that interpreters talk to can die alone; then every start of one waits for its whole time-out.
        liveness_probe=alive_probe(f"browsers={ZEPPELIN_PORT}", f"interpreters={RPC_PORT}"),
        volume_mounts=[
            notebooks,
            mount("work", "/work"),
            mount("tmp", "/tmp"),  # noqa: S108 - path inside the container
            mount("platform", "/opt/platform/k8s/interpreter/100-interpreter.yaml", file="100-interpreter.yaml"),
            script("alive.py"),
            script("find_interpreters.py"),
            script("interpreter_pods.py"),
            # Which of the two is read depends on the image (zeppelin: bin/common.sh).
            mount("platform", "/opt/zeppelin/conf/log4j.properties", file="log4j.properties", read_only=True),
            mount("platform", "/opt/zeppelin/conf/log4j_docker.properties", file="log4j.properties", read_only=True),
            mount("login", "/opt/zeppelin/conf/shiro.ini", file="shiro.ini", read_only=True),
            *certificates,
        ],
    )
    return restricted_pod(
        args.namespace,
        uid=ZEPPELIN_UID,
        # The image's own folders belong to group 0 (zeppelin: scripts/docker/zeppelin/bin/Dockerfile).
        gid=0,
        # A volume of a storage class is made writable by its group; CephFS takes no notice (fsGroupPolicy None).
        fs_group=ZEPPELIN_UID,
        containers=[server, websocket_guard(args.image), rpc_filter(args.image), lost_closer(args.image)],
        volumes=[
            claim_volume("notebooks", args.claim),
            config_volume("platform", args.files),
            secret_volume("login", args.login),
            scratch_volume("work", "2Gi"),
            scratch_volume("tmp", "1Gi"),
            scratch_volume("lost", "16Mi"),
        ],
        # The launcher calls the Kubernetes API to make interpreters; this is the one token of the namespace.
        token=True,
        service_account_name=args.account,
        priority_class_name=args.priority,
        termination_grace_period_seconds=60,
        init_containers=[seed],
    )


def server_environment(args: InterpreterArgs, origin: str, memory_gib: int) -> dict[str, str]:
    """Zeppelin's settings in a Pod, as the environment of the server. Nothing secret is among them.

    args: what interpreters are. origin: address that browsers come by. memory_gib: of the Pod; three quarters are heap.
    """
    return {
        **common_environment(args.spark, args.languages, origin, memory_gib, "/work"),
        "ZEPPELIN_ADDR": "0.0.0.0",  # noqa: S104 - inside the Pod; the Service and the gateway decide who comes
        "ZEPPELIN_RUN_MODE": "k8s",
        # Where interpreters go when the server runs outside a cluster; inside, each interpreter setting says it.
        "ZEPPELIN_K8S_NAMESPACE": SPARK_NAMESPACE,
        "ZEPPELIN_K8S_SERVICE_NAME": ZEPPELIN,
        "ZEPPELIN_K8S_TEMPLATE_DIR": "/opt/platform/k8s",
        "ZEPPELIN_K8S_CONTAINER_IMAGE": args.pods.zeppelin_image,
        "ZEPPELIN_K8S_SPARK_CONTAINER_IMAGE": args.pods.spark_image,
        # The clock starts when a Pod runs, so neither a cold image nor a new node is too slow. How long a Pod may be pending is for the
        # cleaner: Zeppelin itself would never stop waiting.
        "ZEPPELIN_K8S_TIMEOUT_DURING_PENDING": "false",
        # Where an interpreter finds the server that has found it again: by the Service, whose other end is the filter.
        "ZEPPELIN_LOCAL_IP": f"{ZEPPELIN}.{ZEPPELIN_NAMESPACE}.svc",
        # Interpreters outlive a restart of the server, which finds them again.
        "ZEPPELIN_RECOVERY_STORAGE_CLASS": "org.apache.zeppelin.interpreter.recovery.LocalRecoveryStorage",
        "ZEPPELIN_RECOVERY_DIR": "/notebooks/recovery",
        "ZEPPELIN_LOG_DIR": LOGS,
        "HOME": "/work",
        # The image has no account of number 1000, and cannot add one where its root is read-only. A script that asks for its name ends
        # with that (zeppelin: bin/zeppelin.sh, `set -e`; bin/common.sh, `id -nu`).
        "ZEPPELIN_IDENT_STRING": "zeppelin",
        **args.environment,
    }


def common_environment(spark: SparkSettings, languages: Sequence[str], origin: str, memory_gib: int, work: str) -> dict[str, str]:
    """Zeppelin's settings, wherever the server runs (zeppelin: ZeppelinConfiguration.java).

    origin: address that browsers come by. memory_gib: of the server; three quarters are heap. work: folder that the server may write.
    """
    return {
        "ZEPPELIN_PORT": str(ZEPPELIN_PORT),
        "ZEPPELIN_INTERPRETER_CONNECT_TIMEOUT": str(CONNECT_SECONDS * 1000),
        "ZEPPELIN_SERVER_RPC_PORTRANGE": f"{RPC_PORT}:{RPC_PORT}",
        "ZEPPELIN_INTERPRETER_INCLUDES": ",".join(["spark", *languages]),
        # Only what seed_interpreters.py copied there is an interpreter, with `%<setting>.conf` shadowed.
        "ZEPPELIN_INTERPRETER_DIR": f"{work}/interpreter",
        "ZEPPELIN_INTERPRETER_LIFECYCLE_MANAGER_CLASS": "org.apache.zeppelin.interpreter.lifecycle.TimeoutLifecycleManager",
        "ZEPPELIN_INTERPRETER_LIFECYCLE_MANAGER_TIMEOUT_CHECK_INTERVAL": "60000",
        "ZEPPELIN_INTERPRETER_LIFECYCLE_MANAGER_TIMEOUT_THRESHOLD": str(spark.interpreter_idle_minutes * 60_000),
        "ZEPPELIN_NOTEBOOK_DIR": "/notebooks/notebook",
        "ZEPPELIN_NOTEBOOK_STORAGE": "org.apache.zeppelin.notebook.repo.GitNotebookRepo",
        "ZEPPELIN_NOTEBOOK_PUBLIC": "false",
        "ZEPPELIN_CONFIG_FS_DIR": "/notebooks/conf",
        "ZEPPELIN_ALLOWED_ORIGINS": origin,
        "ZEPPELIN_METRIC_ENABLE_PROMETHEUS": "true",
        "ZEPPELIN_WAR_TEMPDIR": f"{work}/webapps",
        "ZEPPELIN_SEARCH_INDEX_PATH": f"{work}/index",
        "ZEPPELIN_INTERPRETER_LOCALREPO": f"{work}/local-repo",
        # From this folder the server's RPC reads libraries by any name, `../..` included, for every caller: 0.12.1 would give each notebook
        # each file of the server, its token among them (zeppelin: interpreter/RemoteInterpreterEventServer.java, getLibrary; mended by
        # c5353cbc33, in no release). Nothing is ever below a path that goes through a device. Libraries come with the images.
        "ZEPPELIN_DEP_LOCALREPO": "/dev/null/none",
        # Who is on the page of jobs hears of everybody's notebooks (socket/NotebookServer.java, JobManagerServiceCallback).
        "ZEPPELIN_JOBMANAGER_ENABLE": "false",
        "ZEPPELIN_PID_DIR": f"{work}/run",
        "ZEPPELIN_MEM": f"-Xmx{memory_gib * 768}m",
        "USE_HADOOP": "false",
    }
