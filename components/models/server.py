"""The server of models: MLflow, with a database and files on one volume."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta
from pulumi_kubernetes.rbac import v1 as rbac

from components.files import text
from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.pod import (
    claim_volume,
    http_probe,
    mount,
    restricted_container,
    restricted_pod,
    scratch_volume,
    variables,
)
from components.models.client import MODELS_HOST
from components.names import (
    MODELS,
    MODELS_ACCOUNT,
    MODELS_CLAIM,
    MODELS_LABELS,
    MODELS_PORT,
    NOT_AWAITED,
    SPARK_NAMESPACE,
    ZEPPELIN_NAMESPACE,
    ZEPPELIN_UID,
)
from components.storage.writable_share import Home, HomeClaim, bind_home
from settings.values.models import ModelSettings

RULES = (("pods", ("list",)),)
"""What its account may do in the namespaces of notebooks and of the gateway: find whose Pod has an address."""

_FOLDER = "/opt/models"
# Nobody needs to know either of these: no password opens anything, and the key signs nothing that outlives the server.
_START = """
random() { python3 -c 'import secrets; print(secrets.token_hex(32))'; }
MLFLOW_FLASK_SERVER_SECRET_KEY=$(random) MLFLOW_AUTH_ADMIN_PASSWORD=$(random)
export MLFLOW_FLASK_SERVER_SECRET_KEY MLFLOW_AUTH_ADMIN_PASSWORD
exec python3 -m mlflow server "$@"
"""


@dataclass(frozen=True, kw_only=True)
class ModelServerArgs:
    """What the server needs."""

    namespace: NamespaceRef
    """That of Zeppelin and the gateway."""

    spark_namespace: NamespaceRef
    """Where notebooks compute."""

    home: Home
    """Where models lie."""

    settings: ModelSettings
    """Size of the server."""

    image: str
    """MLflow with its own rights."""

    people: Mapping[str, str]
    """Login names to what people are in names of objects."""

    administrators: Sequence[str]
    """Those who may change everything, by login name."""

    origin: str
    """Address that browsers come by."""

    serving: bool = True
    """False while another stack serves the same people."""

    priority: str
    """PriorityClass."""

    protect: bool = True
    """Whether the engine refuses to delete a claim that holds models."""


class ModelServer(pulumi.ComponentResource):
    """MLflow's server of experiments and models, with its database, SQLite, and all files on one volume.

    Creates: the claim `models`; ServiceAccount `models` with a Role to list Pods in two namespaces; ConfigMap, Deployment of one Pod,
    Service. Whose an experiment or a model is, MLflow itself knows; who asks, `files/gaia_models.py` tells it by the address of the
    connection. People come by the gateway, at `/models/`; drivers and executors come straight. There is no Secret.
    """

    def __init__(self, name: str, args: ModelServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:ModelServer", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, deleted_with=args.namespace.resource)
        namespace = args.namespace.title
        # Of Zeppelin's user, who makes the backups.
        claim = HomeClaim(name=MODELS_CLAIM, namespace=args.namespace, owner=f"{ZEPPELIN_UID}:0", protect=args.protect)
        bind_home(name, f"{name}-claim", args.home, claim, self)
        account = core.ServiceAccount(
            f"{name}-account",
            metadata=meta.ObjectMetaArgs(name=MODELS_ACCOUNT, namespace=namespace),
            automount_service_account_token=False,
            opts=inside,
        )
        for where in (args.namespace, args.spark_namespace):
            self._right(name, where, namespace)
        files = core.ConfigMap(
            f"{name}-files",
            metadata=meta.ObjectMetaArgs(namespace=namespace),
            data={file: text(f"models/files/{file}") for file in _FILES},
            opts=inside,
        )
        apps.Deployment(
            f"{name}-server",
            metadata=meta.ObjectMetaArgs(name=MODELS, namespace=namespace, labels=MODELS_LABELS),
            spec=apps.DeploymentSpecArgs(
                replicas=1 if args.serving else 0,
                # One at a time upgrades the schema.
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                selector=meta.LabelSelectorArgs(match_labels=MODELS_LABELS),
                template=core.PodTemplateSpecArgs(
                    metadata=meta.ObjectMetaArgs(labels=MODELS_LABELS), spec=_pod(args, account.metadata["name"], files.metadata["name"])
                ),
            ),
            opts=inside,
        )
        core.Service(
            f"{name}-service",
            metadata=meta.ObjectMetaArgs(name=MODELS, namespace=namespace, labels=MODELS_LABELS, annotations=dict(NOT_AWAITED)),
            spec=core.ServiceSpecArgs(
                selector=MODELS_LABELS, ports=[core.ServicePortArgs(name="http", port=MODELS_PORT, target_port="http")]
            ),
            opts=inside,
        )
        self.register_outputs({"claim_name": MODELS_CLAIM})

    def _right(self, name: str, where: NamespaceRef, accounts_namespace: pulumi.Input[str]) -> None:
        inside = pulumi.ResourceOptions(parent=self, deleted_with=where.resource)
        role = rbac.Role(
            f"{name}-role-{where.name}",
            metadata=meta.ObjectMetaArgs(name=MODELS_ACCOUNT, namespace=where.title),
            rules=[rbac.PolicyRuleArgs(api_groups=[""], resources=[resource], verbs=list(verbs)) for resource, verbs in RULES],
            opts=inside,
        )
        rbac.RoleBinding(
            f"{name}-binding-{where.name}",
            metadata=meta.ObjectMetaArgs(name=MODELS_ACCOUNT, namespace=where.title),
            role_ref=rbac.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=role.metadata["name"]),
            subjects=[rbac.SubjectArgs(kind="ServiceAccount", name=MODELS_ACCOUNT, namespace=accounts_namespace)],
            opts=inside,
        )


_PACKAGE = "gaia_models-1.dist-info"
_FILES = {
    "gaia_models.py": "gaia_models.py",
    "prepare_models.py": "prepare_models.py",
    "rights.ini": "rights.ini",
    # By these two MLflow finds the program, as it finds every other app (mlflow: server/__init__.py, _find_app).
    "entry_points.txt": f"{_PACKAGE}/entry_points.txt",
    "METADATA": f"{_PACKAGE}/METADATA",
}
"""File of the ConfigMap to where the Pod has it, below its folder."""


def model_server_options(origin: str) -> list[str]:
    """The options of `mlflow server` (https://mlflow.org/docs/3.17.2/cli.html). origin: address that browsers come by."""
    host = origin.partition("://")[2]
    names = [MODELS_HOST, host]
    return [
        "--app-name=gaia",
        "--host=0.0.0.0",
        f"--port={MODELS_PORT}",
        # One process: SQLite has one writer at a time, and the others would only wait for its lock.
        "--workers=1",
        "--backend-store-uri=sqlite:////models/mlflow.db",
        "--artifacts-destination=file:///models/artifacts",
        f"--allowed-hosts={','.join(names)}",
        f"--cors-allowed-origins={origin}",
        # What a caller says of its address is not believed.
        "--uvicorn-opts=--no-proxy-headers --no-access-log",
    ]


def model_server_environment(people: Mapping[str, str], administrators: Sequence[str]) -> dict[str, str]:
    """What the server and its program read. people: login names to names. administrators: login names."""
    known = {"people": dict(people), "administrators": sorted(people[login] for login in administrators)}
    return {
        "GAIA_PEOPLE": json.dumps(known, sort_keys=True),
        "GAIA_STORE": "/models",
        "NOTEBOOKS": SPARK_NAMESPACE,
        "GATEWAY": ZEPPELIN_NAMESPACE,
        "PYTHONPATH": _FOLDER,
        "PYTHONDONTWRITEBYTECODE": "1",
        "MLFLOW_AUTH_CONFIG_PATH": f"{_FOLDER}/rights.ini",
        "MLFLOW_BASIC_AUTH_FAIL_CLOSED": "true",
        # Jobs run what people send, here.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "GIT_PYTHON_REFRESH": "quiet",
        "HOME": "/tmp",  # noqa: S108 - path inside the container
    }


def _pod(args: ModelServerArgs, account: pulumi.Input[str], files: pulumi.Input[str]) -> core.PodSpecArgs:
    size = {"cpu": str(args.settings.cores), "memory": f"{args.settings.memory_gib}Gi", "ephemeral-storage": "4Gi"}
    environment = variables(model_server_environment(args.people, args.administrators))
    mounts = [
        mount("files", _FOLDER, read_only=True),
        mount("models", "/models"),
        mount("tmp", "/tmp"),  # noqa: S108
    ]
    requests = size | {"cpu": f"{args.settings.cores * 250}m", "memory": f"{args.settings.memory_gib * 256}Mi"}
    prepare = restricted_container(
        "schema",
        args.image,
        requests=requests,
        limits=size,
        command=["python3", f"{_FOLDER}/prepare_models.py", "upgrade", "/models"],
        env=environment,
        volume_mounts=mounts,
    )
    ready = http_probe("/alive", "http", period=10, timeout=5)
    server = restricted_container(
        "mlflow",
        args.image,
        requests=requests,
        limits=size,
        command=["sh", "-ec", _START, "mlflow"],
        args=model_server_options(args.origin),
        env=environment,
        ports=[core.ContainerPortArgs(name="http", container_port=MODELS_PORT)],
        startup_probe=http_probe("/alive", "http", period=5, timeout=5, failures=60),
        readiness_probe=ready,
        # A lost share answers nobody, and a new process would not either: it takes long until that is given up.
        liveness_probe=http_probe("/alive", "http", period=60, timeout=20, failures=10),
        volume_mounts=mounts,
    )
    items = [core.KeyToPathArgs(key=key, path=path) for key, path in _FILES.items()]
    return restricted_pod(
        args.namespace,
        uid=ZEPPELIN_UID,
        gid=0,
        fs_group=ZEPPELIN_UID,
        init_containers=[prepare],
        containers=[server],
        volumes=[
            core.VolumeArgs(name="files", config_map=core.ConfigMapVolumeSourceArgs(name=files, items=items)),
            claim_volume("models", MODELS_CLAIM),
            scratch_volume("tmp", "2Gi"),
        ],
        # It asks the API server whose Pod an address is.
        token=True,
        service_account_name=account,
        priority_class_name=args.priority,
        termination_grace_period_seconds=30,
    )
