"""The Zeppelin server, its notebooks, and what it starts interpreters with."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_random as random
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import pull_secret, restricted_container, secured_namespace
from components.spark import interpreter_files
from components.spark.interpreter_files import RPC_PORT, InterpreterArgs, LdapArgs
from components.storage.writable_share import StorageClassArgs, WritableShareArgs, bind_writable

SERVICE = "zeppelin-server"
ACCOUNT = "zeppelin-server"
HTTP_PORT = 8080
CONNECT_SECONDS = 180
"""Seconds that an interpreter has from the start of its Pod until it answers: a JVM, and nothing to download."""

UID = 1000
"""User of the server, who owns the notebooks."""
LABELS = {"app.kubernetes.io/name": "zeppelin", "app.kubernetes.io/component": "server"}
_SEED = """
mkdir -p /notebooks/notebook /notebooks/conf /notebooks/recovery
python3 /seed/seed_interpreters.py /seed/interpreter.json /notebooks/conf/interpreter.json /opt/zeppelin/interpreter /work/interpreter
python3 /seed/seed_notebooks.py /seed/notebooks.json /notebooks/notebook
"""


@dataclass(frozen=True, kw_only=True)
class ZeppelinArgs:
    """What the server needs.

    namespace: name of the namespace to make. interpreters: what every interpreter has.
    spark_namespace: where interpreters run, a Namespace resource. priority: PriorityClass of the server.
    notebooks: a share of their own, or a claim. people: login names, to whether they are administrators; they get passwords of the
    stack. ldap: a directory that knows them instead, or None. ldap_password: of its `bind_dn` (secret). notebooks_seed: JSON of example
    notebooks. cores: whole number. memory_gib: of the Pod; three quarters are heap. idle_minutes: after which an interpreter ends.
    origin: address that browsers come by; where it is https, the session cookie is sent by https alone.
    pull_secret: docker config.json (secret), or None. ca_bundle: PEM certificates to trust, or None.
    protect: whether the engine refuses to delete a claim that holds the notebooks. standby: whether the server rests, while another stack
    serves the same notebooks. password_generation: one more, and everybody has a new password.
    """

    namespace: str
    interpreters: InterpreterArgs
    spark_namespace: core.Namespace
    priority: str
    notebooks: WritableShareArgs | StorageClassArgs
    people: Mapping[str, bool]
    ldap: LdapArgs | None = None
    ldap_password: pulumi.Input[str] = ""
    notebooks_seed: str
    cores: int
    memory_gib: int
    idle_minutes: int
    origin: str
    pull_secret: pulumi.Input[str] | None = None
    ca_bundle: str | None = None
    protect: bool = True
    standby: bool = False
    password_generation: int = 1


def server_environment(args: ZeppelinArgs) -> dict[str, str]:
    """Zeppelin's settings, as the environment of the server (zeppelin-spark-k8s.md 1.4). Nothing secret is among them."""
    return {
        "ZEPPELIN_ADDR": "0.0.0.0",  # noqa: S104 - inside the Pod; the Service and the gateway decide who comes
        "ZEPPELIN_PORT": str(HTTP_PORT),
        "ZEPPELIN_RUN_MODE": "k8s",
        # Where interpreters go when the server runs outside a cluster; inside, each interpreter setting says it.
        "ZEPPELIN_K8S_NAMESPACE": args.interpreters.namespace,
        "ZEPPELIN_K8S_SERVICE_NAME": SERVICE,
        "ZEPPELIN_K8S_TEMPLATE_DIR": "/opt/platform/k8s",
        "ZEPPELIN_K8S_CONTAINER_IMAGE": args.interpreters.zeppelin_image,
        "ZEPPELIN_K8S_SPARK_CONTAINER_IMAGE": args.interpreters.spark_image,
        # The clock starts when a Pod runs, so neither a cold image nor a new node is too slow. How long a Pod may be pending is for the
        # cleaner: Zeppelin itself would wait for ever.
        "ZEPPELIN_K8S_TIMEOUT_DURING_PENDING": "false",
        "ZEPPELIN_INTERPRETER_CONNECT_TIMEOUT": str(CONNECT_SECONDS * 1000),
        "ZEPPELIN_SERVER_RPC_PORTRANGE": f"{RPC_PORT}:{RPC_PORT}",
        "ZEPPELIN_INTERPRETER_INCLUDES": ",".join(["spark", *args.interpreters.languages]),
        # Only what seed_interpreters.py copied there is an interpreter, with `%<setting>.conf` shadowed.
        "ZEPPELIN_INTERPRETER_DIR": "/work/interpreter",
        # Interpreters outlive a restart of the server, which finds them again.
        "ZEPPELIN_RECOVERY_STORAGE_CLASS": "org.apache.zeppelin.interpreter.recovery.LocalRecoveryStorage",
        "ZEPPELIN_RECOVERY_DIR": "/notebooks/recovery",
        "ZEPPELIN_INTERPRETER_LIFECYCLE_MANAGER_CLASS": "org.apache.zeppelin.interpreter.lifecycle.TimeoutLifecycleManager",
        "ZEPPELIN_INTERPRETER_LIFECYCLE_MANAGER_TIMEOUT_CHECK_INTERVAL": "60000",
        "ZEPPELIN_INTERPRETER_LIFECYCLE_MANAGER_TIMEOUT_THRESHOLD": str(args.idle_minutes * 60_000),
        "ZEPPELIN_NOTEBOOK_DIR": "/notebooks/notebook",
        "ZEPPELIN_NOTEBOOK_STORAGE": "org.apache.zeppelin.notebook.repo.GitNotebookRepo",
        "ZEPPELIN_NOTEBOOK_PUBLIC": "false",
        "ZEPPELIN_CONFIG_FS_DIR": "/notebooks/conf",
        "ZEPPELIN_ALLOWED_ORIGINS": args.origin,
        "ZEPPELIN_METRIC_ENABLE_PROMETHEUS": "true",
        "ZEPPELIN_WAR_TEMPDIR": "/work/webapps",
        "ZEPPELIN_SEARCH_INDEX_PATH": "/work/index",
        "ZEPPELIN_INTERPRETER_LOCALREPO": "/work/local-repo",
        "ZEPPELIN_DEP_LOCALREPO": "/work/local-repo",
        "ZEPPELIN_LOG_DIR": "/work/logs",
        "ZEPPELIN_PID_DIR": "/work/run",
        "ZEPPELIN_MEM": f"-Xmx{args.memory_gib * 768}m",
        "USE_HADOOP": "false",
        "HOME": "/work",
        **args.interpreters.environment,
    }


class Zeppelin(pulumi.ComponentResource):
    """The Zeppelin server and all that it reads.

    Creates: Namespace (Pod Security `restricted`), ServiceAccount, ConfigMaps for the server and, in the namespace of notebooks, for
    interpreters, Secret (login, key of stored credentials), the notebooks' volume and claim, Deployment, Service; on a CephFS share a
    Job that once makes the share's root writable for the server; RandomPassword and RandomBytes.

    The claim of a storage class is not `deleted_with` the namespace, because its volume must go while the cluster lives; nor is the
    server then, because it uses the claim.
    """

    namespace: core.Namespace
    """The namespace, for whatever must live and die in it."""

    namespace_name: pulumi.Output[str]
    """Its name."""

    account: str
    """ServiceAccount of the server."""

    service: core.Service
    """The Service: `http` for browsers, `rpc` for interpreters."""

    notebooks_claim: pulumi.Output[str]
    """Name of the claim of notebooks and configuration."""

    passwords: pulumi.Output[dict[str, str]]
    """Passwords by login name, the administrator's first (secret); none where a directory has them."""

    def __init__(self, name: str, args: ZeppelinArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:Zeppelin", name, {}, opts)
        self.namespace = secured_namespace(name, args.namespace, "restricted", self)
        self.namespace_name = self.namespace.metadata["name"]
        self._inside = pulumi.ResourceOptions(parent=self, deleted_with=self.namespace)
        self.account = ACCOUNT
        account = core.ServiceAccount(
            f"{name}-account",
            metadata=meta.ObjectMetaArgs(name=ACCOUNT, namespace=self.namespace_name),
            automount_service_account_token=False,
            opts=self._inside,
        )
        certificates = {"ca-bundle.pem": args.ca_bundle} if args.ca_bundle else {}
        files = core.ConfigMap(
            f"{name}-interpreter-files",
            metadata=meta.ObjectMetaArgs(namespace=args.spark_namespace.metadata["name"]),
            data=interpreter_files.executor_templates(args.interpreters)
            | {
                "copy-zeppelin.sh": text("spark/files/copy-zeppelin.sh"),
                "check_datasets.py": text("spark/files/check_datasets.py"),
                "datasets.json": interpreter_files.check_config(args.interpreters.datasets),
            }
            | certificates,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=args.spark_namespace),
        )
        config = core.ConfigMap(
            f"{name}-config",
            metadata=meta.ObjectMetaArgs(namespace=self.namespace_name),
            data=server_environment(args),
            opts=self._inside,
        )
        platform = core.ConfigMap(
            f"{name}-files",
            metadata=meta.ObjectMetaArgs(namespace=self.namespace_name),
            data={
                "100-interpreter.yaml": files.metadata["name"].apply(
                    lambda title: interpreter_files.interpreter_template(args.interpreters, title)
                ),
                "interpreter.json": interpreter_files.interpreter_settings(args.interpreters),
                "seed_interpreters.py": text("zeppelin/files/seed_interpreters.py"),
                "seed_notebooks.py": text("zeppelin/files/seed_notebooks.py"),
                "notebooks.json": args.notebooks_seed,
            }
            | certificates,
            opts=self._inside,
        )
        login = self._login(name, args)
        claim = self.notebooks_claim = self._notebooks(name, args)
        pull_secrets = pull_secret(name, self.namespace, args.pull_secret, self)
        deployment = apps.Deployment(
            f"{name}-server",
            metadata=meta.ObjectMetaArgs(name=SERVICE, namespace=self.namespace_name, labels=LABELS),
            spec=apps.DeploymentSpecArgs(
                replicas=0 if args.standby else 1,
                # Two servers on one notebook folder would write over each other.
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                selector=meta.LabelSelectorArgs(match_labels=LABELS),
                template=core.PodTemplateSpecArgs(
                    metadata=meta.ObjectMetaArgs(labels=LABELS),
                    spec=_pod(
                        args,
                        account=account.metadata["name"],
                        config=config,
                        platform=platform,
                        login=login,
                        claim=claim,
                        pull_secrets=pull_secrets,
                    ),
                ),
            ),
            # A claim of a storage class is deleted by itself, and Kubernetes keeps it until no Pod uses it: so the server goes first.
            opts=pulumi.ResourceOptions(parent=self) if isinstance(args.notebooks, StorageClassArgs) else self._inside,
        )
        self.service = core.Service(
            f"{name}-service",
            metadata=meta.ObjectMetaArgs(name=SERVICE, namespace=self.namespace_name, labels=LABELS),
            spec=core.ServiceSpecArgs(
                selector=LABELS,
                ports=[
                    core.ServicePortArgs(name="http", port=HTTP_PORT, target_port="http"),
                    core.ServicePortArgs(name="rpc", port=RPC_PORT, target_port="rpc"),
                ],
            ),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=self.namespace, depends_on=[deployment]),
        )
        self.register_outputs(
            {
                "namespace": self.namespace,
                "namespace_name": self.namespace_name,
                "account": self.account,
                "service": self.service,
                "notebooks_claim": self.notebooks_claim,
                "passwords": self.passwords,
            }
        )

    def _login(self, name: str, args: ZeppelinArgs) -> core.Secret:
        """shiro.ini and the key of stored credentials, as a Secret; makes the passwords."""
        child = pulumi.ResourceOptions(parent=self)
        # Where a directory knows people, Zeppelin takes no password of ours beside it.
        passwords = {
            person: random.RandomPassword(
                f"{name}-password-{person}", length=24, special=False, keepers=generation(args.password_generation), opts=child
            ).result
            for person in ({} if args.ldap else args.people)
        }
        salt = random.RandomBytes(f"{name}-salt", length=16, opts=child)
        # Zeppelin encrypts stored credentials by AES, with a key of 16 characters.
        key = random.RandomPassword(f"{name}-credentials-key", length=16, special=False, opts=child)
        self.passwords = pulumi.Output.secret(pulumi.Output.all(**passwords))
        administrators = [person for person, is_administrator in args.people.items() if is_administrator]
        ini = pulumi.Output.all(self.passwords, salt.base64, args.ldap_password).apply(
            lambda given: interpreter_files.shiro_ini(
                args.ldap
                or {person: interpreter_files.shiro_hash(password, _salt(given[1], person)) for person, password in given[0].items()},
                administrators,
                given[2],
                secure=args.origin.startswith("https:"),
            )
        )
        return core.Secret(
            f"{name}-login",
            metadata=meta.ObjectMetaArgs(namespace=self.namespace_name),
            string_data={"shiro.ini": pulumi.Output.secret(ini), "credentials-key": key.result},
            opts=self._inside,
        )

    def _notebooks(self, name: str, args: ZeppelinArgs) -> pulumi.Output[str]:
        """Name of the claim for notebooks and configuration."""
        match args.notebooks:
            case StorageClassArgs(storage_class=storage_class, size_gib=size_gib):
                claim = core.PersistentVolumeClaim(
                    f"{name}-notebooks",
                    metadata=meta.ObjectMetaArgs(name="notebooks", namespace=self.namespace_name),
                    spec=core.PersistentVolumeClaimSpecArgs(
                        access_modes=["ReadWriteOnce"],
                        storage_class_name=storage_class,
                        resources=core.VolumeResourceRequirementsArgs(requests={"storage": f"{size_gib}Gi"}),
                    ),
                    opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
                )
                return claim.metadata["name"]
            case WritableShareArgs() as share:
                return bind_writable(name, share, self.namespace, f"{UID}:0", self)
        raise TypeError(f"{name}: notebooks are neither on a share nor on a claim")


def generation(number: int) -> dict[str, str] | None:
    """What a random value is kept for. The first generation has nothing to be kept for, as values had that are older than generations."""
    return {"generation": str(number)} if number > 1 else None


def server_user() -> core.PodSecurityContextArgs:
    """The user that the server runs as, and whoever else works on the notebooks."""
    return core.PodSecurityContextArgs(
        run_as_non_root=True,
        run_as_user=UID,
        # The image's own folders belong to group 0 (zeppelin-spark-k8s.md, image facts).
        run_as_group=0,
        # A volume of a storage class is made writable by its group; CephFS takes no notice (fsGroupPolicy None).
        fs_group=UID,
        fs_group_change_policy="OnRootMismatch",
        seccomp_profile=core.SeccompProfileArgs(type="RuntimeDefault"),
    )


def _salt(salt: str, person: str) -> bytes:
    """A salt of 16 bytes for one person, from the stack's own."""
    return hashlib.sha256(base64.b64decode(salt) + person.encode()).digest()[:16]


def _pod(
    args: ZeppelinArgs,
    *,
    account: pulumi.Input[str],
    config: core.ConfigMap,
    platform: core.ConfigMap,
    login: core.Secret,
    claim: pulumi.Input[str],
    pull_secrets: list[core.LocalObjectReferenceArgs],
) -> core.PodSpecArgs:
    """The server's Pod: restricted, its root file system read-only, everything it writes on the notebooks' volume or a scratch folder."""
    restricted = restricted_container()
    image = args.interpreters.zeppelin_image
    notebooks = core.VolumeMountArgs(name="notebooks", mount_path="/notebooks")
    template = core.VolumeMountArgs(
        name="platform", mount_path="/opt/platform/k8s/interpreter/100-interpreter.yaml", sub_path="100-interpreter.yaml"
    )
    return core.PodSpecArgs(
        service_account_name=account,
        # The launcher calls the Kubernetes API to make interpreters; this is the one token of the namespace.
        automount_service_account_token=True,
        enable_service_links=False,
        priority_class_name=args.priority,
        termination_grace_period_seconds=60,
        image_pull_secrets=pull_secrets,
        security_context=server_user(),
        init_containers=[
            core.ContainerArgs(
                name="seed-interpreters",
                image=image,
                command=["sh", "-ec"],
                args=[_SEED],
                security_context=restricted,
                resources=core.ResourceRequirementsArgs(
                    requests={"cpu": "100m", "memory": "128Mi"}, limits={"cpu": "500m", "memory": "256Mi"}
                ),
                volume_mounts=[
                    notebooks,
                    core.VolumeMountArgs(name="platform", mount_path="/seed", read_only=True),
                    core.VolumeMountArgs(name="work", mount_path="/work"),
                ],
            )
        ],
        containers=[
            core.ContainerArgs(
                name="zeppelin",
                image=image,
                command=["/opt/zeppelin/bin/zeppelin.sh"],
                env_from=[core.EnvFromSourceArgs(config_map_ref=core.ConfigMapEnvSourceArgs(name=config.metadata["name"]))],
                env=[
                    core.EnvVarArgs(
                        name="ZEPPELIN_CREDENTIALS_ENCRYPT_KEY",
                        value_from=core.EnvVarSourceArgs(
                            secret_key_ref=core.SecretKeySelectorArgs(name=login.metadata["name"], key="credentials-key")
                        ),
                    )
                ],
                ports=[
                    core.ContainerPortArgs(name="http", container_port=HTTP_PORT),
                    core.ContainerPortArgs(name="rpc", container_port=RPC_PORT),
                ],
                # A first start indexes all notebooks before it answers.
                startup_probe=_probe("/api/version", period=10, failures=60),
                readiness_probe=_probe("/api/version", period=10, failures=3),
                liveness_probe=_probe("/ping", period=20, failures=6),
                security_context=restricted,
                resources=core.ResourceRequirementsArgs(
                    requests={"cpu": str(args.cores), "memory": f"{args.memory_gib}Gi", "ephemeral-storage": "2Gi"},
                    limits={"cpu": str(args.cores), "memory": f"{args.memory_gib}Gi", "ephemeral-storage": "4Gi"},
                ),
                volume_mounts=[
                    notebooks,
                    core.VolumeMountArgs(name="work", mount_path="/work"),
                    core.VolumeMountArgs(name="tmp", mount_path="/tmp"),  # noqa: S108 - path inside the container
                    template,
                    core.VolumeMountArgs(name="login", mount_path="/opt/zeppelin/conf/shiro.ini", sub_path="shiro.ini", read_only=True),
                    *(
                        [
                            core.VolumeMountArgs(
                                name="platform", mount_path="/opt/platform/ca-bundle.pem", sub_path="ca-bundle.pem", read_only=True
                            )
                        ]
                        if args.ca_bundle
                        else []
                    ),
                ],
            )
        ],
        volumes=[
            core.VolumeArgs(name="notebooks", persistent_volume_claim=core.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim)),
            core.VolumeArgs(name="platform", config_map=core.ConfigMapVolumeSourceArgs(name=platform.metadata["name"])),
            core.VolumeArgs(name="login", secret=core.SecretVolumeSourceArgs(secret_name=login.metadata["name"])),
            core.VolumeArgs(name="work", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit="2Gi")),
            core.VolumeArgs(name="tmp", empty_dir=core.EmptyDirVolumeSourceArgs(size_limit="1Gi")),
        ],
    )


def _probe(path: str, *, period: int, failures: int) -> core.ProbeArgs:
    return core.ProbeArgs(
        http_get=core.HTTPGetActionArgs(path=path, port="http"), period_seconds=period, timeout_seconds=5, failure_threshold=failures
    )
