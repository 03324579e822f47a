"""The Zeppelin server, its notebooks, and what it starts interpreters with."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apps import v1 as apps
from pulumi_kubernetes.core import v1 as core
from pulumi_kubernetes.meta import v1 as meta

from components.files import text
from components.kubernetes.namespace import NamespaceRef, secured_namespace
from components.names import (
    NOT_AWAITED,
    NOTEBOOKS_CLAIM,
    RPC_PORT,
    WEBSOCKET_PORT,
    ZEPPELIN,
    ZEPPELIN_ACCOUNT,
    ZEPPELIN_LABELS,
    ZEPPELIN_NAMESPACE,
    ZEPPELIN_PORT,
    ZEPPELIN_UID,
)
from components.spark.dataset_check import check_config
from components.spark.templates import executor_templates, interpreter_template
from components.storage.writable_share import Home, HomeClaim, StorageClass, bind_home
from components.yarn.pods import driver_files
from components.zeppelin.interpreters import InterpreterArgs, interpreter_settings
from components.zeppelin.login import LoginArgs, make_login
from components.zeppelin.server_pod import ServerPodArgs, server_environment, server_pod
from settings.values.login import LdapLogin
from settings.values.zeppelin import ZeppelinSettings


@dataclass(frozen=True, kw_only=True)
class ZeppelinArgs:
    """What the server needs."""

    server: ZeppelinSettings
    """Its size, its login, and whether it stands by while another stack serves the same notebooks."""

    interpreters: InterpreterArgs
    """What every interpreter is."""

    spark_namespace: NamespaceRef
    """Where interpreters run."""

    notebooks: Home
    """Where notebooks lie."""

    people: Sequence[str]
    """Login names. They get passwords of the stack, where no directory knows them."""

    administrators: Sequence[str] = ()
    """Those of the people who are administrators."""

    ldap_password: pulumi.Input[str] = ""
    """Password of a directory's `bind_dn` (secret)."""

    examples: str
    """JSON of the example notebooks."""

    origin: str
    """Address that browsers come by; where it is https, the session cookie is sent by https alone."""

    login: pulumi.Input[str] | None = None
    """docker config.json (secret) for the registry, or None."""

    ca_bundle: str | None = None
    """PEM certificates to trust, or None."""

    protect: bool = True
    """Whether the engine refuses to delete a claim that holds the notebooks."""

    password_generation: int = 1
    """One more, and everybody has a new password."""


class Zeppelin(pulumi.ComponentResource):
    """The Zeppelin server and all that it reads.

    Creates: Namespace (Pod Security `restricted`), ServiceAccount, ConfigMaps for the server and, in the namespace of notebooks, for
    interpreters, Secret (login, key of stored credentials), the notebooks' volume and claim, Deployment, Service; on a CephFS share a
    Job that once makes the share's root writable for the server; RandomPassword and RandomBytes.

    The claim of a storage class is not `deleted_with` the namespace, because its volume must go while the cluster lives; nor is the
    server then, because it uses the claim.
    """

    namespace: NamespaceRef
    """The namespace."""

    service: core.Service
    """The Service: `http` and `websocket` for browsers, `rpc` for interpreters."""

    notebooks_claim: pulumi.Output[str]
    """Name of the claim of notebooks and configuration."""

    passwords: pulumi.Output[dict[str, str]]
    """Passwords by login name, the administrator's first (secret); none where a directory has them."""

    def __init__(self, name: str, args: ZeppelinArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("gaia-dmp:kubernetes:Zeppelin", name, {}, opts)
        self.namespace = secured_namespace(name, ZEPPELIN_NAMESPACE, "restricted", self, args.login)
        where = self.namespace.title
        inside = self._inside = pulumi.ResourceOptions(parent=self, deleted_with=self.namespace.resource)
        account = core.ServiceAccount(
            f"{name}-account",
            metadata=meta.ObjectMetaArgs(name=ZEPPELIN_ACCOUNT, namespace=where),
            automount_service_account_token=False,
            opts=inside,
        )
        config = core.ConfigMap(
            f"{name}-config",
            metadata=meta.ObjectMetaArgs(namespace=where),
            data=server_environment(args.interpreters, args.origin, args.server.memory_gib),
            opts=inside,
        )
        files = self._server_files(name, args, self._interpreter_files(name, args))
        login = self._login(name, args)
        in_class = isinstance(args.notebooks, StorageClass)
        claim = HomeClaim(
            name=NOTEBOOKS_CLAIM,
            namespace=self.namespace,
            owner=f"{ZEPPELIN_UID}:0",
            access_mode="ReadWriteOnce",
            protect=args.protect,
            deleted_with_namespace=False,
        )
        self.notebooks_claim = bind_home(name, f"{name}-notebooks", args.notebooks, claim, self)
        pod = ServerPodArgs(
            namespace=self.namespace,
            server=args.server,
            image=args.interpreters.pods.zeppelin_image,
            priority=args.interpreters.pods.identities.priorities.server,
            account=account.metadata["name"],
            config=config.metadata["name"],
            files=files.metadata["name"],
            login=login.metadata["name"],
            claim=self.notebooks_claim,
            certificates=args.ca_bundle is not None,
        )
        apps.Deployment(
            f"{name}-server",
            metadata=meta.ObjectMetaArgs(name=ZEPPELIN, namespace=where, labels=ZEPPELIN_LABELS),
            spec=apps.DeploymentSpecArgs(
                replicas=0 if args.server.standby else 1,
                # Two servers on one notebook folder would write over each other.
                strategy=apps.DeploymentStrategyArgs(type="Recreate"),
                selector=meta.LabelSelectorArgs(match_labels=ZEPPELIN_LABELS),
                template=core.PodTemplateSpecArgs(metadata=meta.ObjectMetaArgs(labels=ZEPPELIN_LABELS), spec=server_pod(pod)),
            ),
            # A claim of a storage class is deleted by itself, and Kubernetes keeps it until no Pod uses it: so the server goes first.
            opts=pulumi.ResourceOptions(parent=self) if in_class else inside,
        )
        self.service = core.Service(
            f"{name}-service",
            # The Deployment tells whether the server is there, and the gateway only needs the name.
            metadata=meta.ObjectMetaArgs(name=ZEPPELIN, namespace=where, labels=ZEPPELIN_LABELS, annotations=dict(NOT_AWAITED)),
            spec=core.ServiceSpecArgs(
                selector=ZEPPELIN_LABELS,
                ports=[
                    core.ServicePortArgs(name="http", port=ZEPPELIN_PORT, target_port="http"),
                    core.ServicePortArgs(name="rpc", port=RPC_PORT, target_port="rpc-filter"),
                    core.ServicePortArgs(name="websocket", port=WEBSOCKET_PORT, target_port="websocket"),
                ],
            ),
            opts=inside,
        )
        self.register_outputs(
            {
                "namespace": self.namespace.resource,
                "namespace_name": where,
                "account": ZEPPELIN_ACCOUNT,
                "service": self.service,
                "notebooks_claim": self.notebooks_claim,
                "passwords": self.passwords,
            }
        )

    def _interpreter_files(self, name: str, args: ZeppelinArgs) -> core.ConfigMap:
        """What interpreters mount at /opt/platform."""
        pods = args.interpreters.pods
        return core.ConfigMap(
            f"{name}-interpreter-files",
            metadata=meta.ObjectMetaArgs(namespace=args.spark_namespace.title),
            data=executor_templates(pods, args.interpreters.spark.sizes())
            | {
                "copy-zeppelin.sh": text("spark/files/copy-zeppelin.sh"),
                "run-interpreter.sh": text("spark/files/run-interpreter.sh"),
                "check_datasets.py": text("spark/files/check_datasets.py"),
                "datasets.json": check_config(pods.mounts),
            }
            | ({"connect_url.py": text("spark/files/connect_url.py")} if pods.connect else {})
            | (driver_files(yarn, args.interpreters.spark, args.interpreters.maven_mirror) if (yarn := args.interpreters.yarn) else {})
            | _certificates(args),
            opts=pulumi.ResourceOptions(parent=self, deleted_with=args.spark_namespace.resource),
        )

    def _server_files(self, name: str, args: ZeppelinArgs, interpreter_files: core.ConfigMap) -> core.ConfigMap:
        """What the server reads: how interpreters are made, and what its folders begin with."""
        interpreters = args.interpreters
        template = interpreter_files.metadata["name"].apply(
            lambda title: interpreter_template(
                interpreters.pods, interpreters.spark.sizes(), interpreters.environment, title, interpreters.spark.languages
            )
        )
        return core.ConfigMap(
            f"{name}-files",
            metadata=meta.ObjectMetaArgs(namespace=self.namespace.title),
            data={
                "100-interpreter.yaml": template,
                "interpreter.json": interpreter_settings(interpreters),
                "seed_interpreters.py": text("zeppelin/files/seed_interpreters.py"),
                "seed_notebooks.py": text("zeppelin/files/seed_notebooks.py"),
                "alive.py": text("zeppelin/files/alive.py"),
                "find_interpreters.py": text("zeppelin/files/find_interpreters.py"),
                "websocket_guard.py": text("zeppelin/files/websocket_guard.py"),
                "rpc_filter.py": text("zeppelin/files/rpc_filter.py"),
                "rpc_calls.py": text("zeppelin/files/rpc_calls.py"),
                "close_lost.py": text("zeppelin/files/close_lost.py"),
                "closing.py": text("zeppelin/files/closing.py"),
                "interpreter_pods.py": text("zeppelin/files/interpreter_pods.py"),
                "log4j.properties": text("zeppelin/files/log4j.properties"),
                "notebooks.json": args.examples,
            }
            | _certificates(args),
            opts=self._inside,
        )

    def _login(self, name: str, args: ZeppelinArgs) -> core.Secret:
        """shiro.ini and the key of stored credentials, as a Secret; makes the passwords."""
        made = make_login(
            name,
            LoginArgs(
                people=args.people,
                administrators=args.administrators,
                ldap=args.server.login if isinstance(args.server.login, LdapLogin) else None,
                ldap_password=args.ldap_password,
                secure=args.origin.startswith("https:"),
                password_generation=args.password_generation,
            ),
            self,
        )
        self.passwords = made.passwords
        return core.Secret(
            f"{name}-login",
            metadata=meta.ObjectMetaArgs(namespace=self.namespace.title),
            string_data={"shiro.ini": made.shiro_ini, "credentials-key": made.credentials_key},
            opts=self._inside,
        )


def _certificates(args: ZeppelinArgs) -> dict[str, str]:
    """The bundle of certificates to trust, as a file."""
    return {"ca-bundle.pem": args.ca_bundle} if args.ca_bundle else {}
