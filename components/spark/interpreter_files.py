"""The texts that Pods read, made from `components/files/` and from what the stack decides. Plain functions, no resource."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from components.files import parsed, text

UID = 185
"""User and group of interpreters and executors: that of the Spark image."""

SHIRO_ITERATIONS = 1000
"""Iterations of a password's hash. Shiro's own 500 000 stretch what people think up; these passwords are 24 random letters and digits, and
a stack hashes one per person on every run."""


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
class SparkSizeArgs:
    """The sizes of one Spark setting. driver, executor: of one Pod. max_executors: of one notebook."""

    driver: PodSizeArgs
    executor: PodSizeArgs
    max_executors: int


@dataclass(frozen=True, kw_only=True)
class CheckedDataset:
    """A dataset inside a Pod, which is looked after. name: the dataset's. claim: name of the claim. path: absolute mount path.
    files, digest: what its listing must be, or None.
    """

    name: str
    claim: str
    path: str
    files: int | None = None
    digest: str | None = None


def check_config(datasets: Sequence[CheckedDataset]) -> str:
    """What `files/check_datasets.py` reads, as JSON: a look every minute, given up after 20 s, and the listing every six hours."""
    entries = [{"name": each.name, "path": each.path, "files": each.files, "digest": each.digest} for each in datasets]
    return json.dumps({"datasets": entries, "seconds": 20, "every": 60, "listing": 21600})


@dataclass(frozen=True, kw_only=True)
class InterpreterArgs:
    """What every interpreter and executor of a stack has in common.

    namespace: where they run. server_service: host name of Zeppelin's RPC service. driver_account, executor_account,
    interpreter_account: ServiceAccounts. driver_priority, executor_priority: PriorityClasses. people: login names, to what they are in
    names of objects: theirs are `<driver_account>-<person>`, `<driver_priority>-<person>`, `<executor_priority>-<person>`.
    user_space: whether those people have a claim `user-<person>` each. fs_group: group that owns those claims' volumes, or None.
    hadoop_conf: name of the Secret with Hadoop's configuration for drivers, or None. history: whether drivers write their event logs on the
    claim of the history server, each person's in a folder of their own. queue_labels: labels by which Kueue knows the Pods.
    web_identity: whether S3 knows
    Pods by a token of the provider. zeppelin_image, spark_image: images.
    datasets: what is mounted, read-only; a notebook is told which of it is lost. node_selector: labels of the Spark nodes.
    pull_secret: name of the pull secret, or None. sizes: by name of the Spark setting, `spark` and `spark-<profile>`; the driver of
    `spark` is also the size of other interpreters. languages: interpreter groups beside spark. executor_idle_seconds,
    cached_idle_seconds: when executors are released. environment: what a process needs to reach the world. maven_mirror: address, or None.
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
    datasets: Sequence[CheckedDataset] = ()
    node_selector: Mapping[str, str] = field(default_factory=dict)
    pull_secret: str | None = None
    people: Mapping[str, str] = field(default_factory=dict)
    user_space: bool = False
    fs_group: int | None = None
    hadoop_conf: str | None = None
    history: bool = False
    queue_labels: Mapping[str, str] = field(default_factory=dict)
    web_identity: bool = False
    sizes: Mapping[str, SparkSizeArgs]
    languages: Sequence[str] = ("python", "md")
    executor_idle_seconds: int
    cached_idle_seconds: int
    environment: Mapping[str, str] = field(default_factory=dict)
    maven_mirror: str | None = None


INTERPRETER, EXECUTOR, MANAGER = "zeppelin-interpreter", "spark-executor", "zeppelin"
"""Labels `app.kubernetes.io/name` of interpreters and executors, and `app.kubernetes.io/managed-by` of what Zeppelin makes."""

INTERPRETER_LABELS = {"app.kubernetes.io/name": INTERPRETER}
DRIVER_LABELS = INTERPRETER_LABELS | {"gaia-dmp/group": "spark"}
EXECUTOR_LABELS = {"app.kubernetes.io/name": EXECUTOR}
INTERPRETER_PORT, DRIVER_PORT, BLOCK_MANAGER_PORT, UI_PORT = 12321, 22321, 22322, 4040
"""Ports of an interpreter and of a driver, all fixed by Zeppelin's launcher but that of the Spark UI (K8sRemoteInterpreterProcess)."""

RPC_PORT = 12320
"""Port of Zeppelin's server for interpreters: one port, so that a Service can name it."""


HISTORY_CLAIM = "spark-history"
"""Name of the claim of event logs, in the namespace of notebooks."""

USER_CLAIM = "user"
"""How the names of claims of people's own spaces begin; a dash and the person follow."""


def user_claim(person: str) -> str:
    """Name of the claim of one person's own space."""
    return f"{USER_CLAIM}-{person}"


def login_in_pod_names(login: str) -> str:
    """What Zeppelin makes of a login name in the names of Pods (zeppelin: K8sUtils.generateK8sName, 0.12.1: dots go, too)."""
    return re.sub(r"[^a-z0-9-]", "", login.lower())


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
        "executor_priority": args.executor_priority,
        "people": dict(args.people),
        "sizes": {
            name: {"resources": size.driver.resources(), "scratch": f"{size.driver.scratch_gib}Gi"} for name, size in args.sizes.items()
        },
        "environment": [{"name": key, "value": value} for key, value in environment.items()],
        "fixed_environment": [*environment, "APPLICATION_WEB_PROXY_BASE", "HADOOP_CONF_DIR", "SPARK_CONF_DIR"],
        "user_space": args.user_space,
        "history": HISTORY_CLAIM if args.history else "",
        "queue_labels": dict(args.queue_labels),
        "security": _security(args),
        "hadoop_conf": args.hadoop_conf or "",
        "datasets": [{"volume": _volume(index), "claim": mount.claim, "path": mount.path} for index, mount in enumerate(args.datasets)],
    }
    return f"{{% set platform = {json.dumps(platform)} %}}\n{text('spark/files/interpreter.yaml.jinja')}"


def _security(args: InterpreterArgs) -> dict[str, Any]:
    """The security context of interpreters' and executors' Pods."""
    context: dict[str, Any] = {"runAsNonRoot": True, "runAsUser": UID, "runAsGroup": UID, "seccompProfile": {"type": "RuntimeDefault"}}
    return context | ({"fsGroup": args.fs_group, "fsGroupChangePolicy": "OnRootMismatch"} if args.fs_group else {})


def executor_templates(args: InterpreterArgs) -> dict[str, str]:
    """Every executor template by the name of its file: one per size, and one more for people who have a space of their own."""
    result = {}
    for title, size in args.sizes.items():
        result[f"executor-{title}.yaml"] = executor_template(args, size)
        if args.user_space:
            result[f"executor-{title}.person.yaml"] = executor_template(args, size, person=True)
    return result


def executor_template(args: InterpreterArgs, size: SparkSizeArgs, *, person: bool = False) -> str:
    """The Pod that Spark makes executors from, as YAML; `@priority@` and `@user@` are filled in as a driver starts.

    person: whether the claim of the driver's person is mounted.
    """
    pod: dict[str, Any] = parsed(text("spark/files/executor.yaml"))
    spec = pod["spec"]
    spec |= {
        "serviceAccountName": args.executor_account,
        "nodeSelector": dict(args.node_selector),
        "imagePullSecrets": _pull_secrets(args),
        "securityContext": _security(args),
    }
    pod["metadata"]["labels"] |= args.queue_labels
    container = spec["containers"][0]
    # Spark sets processor and memory; local disk is ours to bound.
    disk = {"ephemeral-storage": f"{size.executor.scratch_gib}Gi"}
    container["resources"] = {"requests": disk, "limits": disk}
    for index, mount in enumerate(args.datasets):
        container["volumeMounts"].append({"name": _volume(index), "mountPath": mount.path, "readOnly": True})
        spec["volumes"].append({"name": _volume(index), "persistentVolumeClaim": {"claimName": mount.claim, "readOnly": True}})
    if person:
        container["volumeMounts"].append({"name": "user", "mountPath": "/user/@user@"})
        spec["volumes"].append({"name": "user", "persistentVolumeClaim": {"claimName": user_claim("@user@")}})
    return yaml.safe_dump(pod, sort_keys=False)


def _volume(index: int) -> str:
    return f"data-{index}"


def _pull_secrets(args: InterpreterArgs) -> list[dict[str, str]]:
    return [{"name": args.pull_secret}] if args.pull_secret else []


def spark_properties(args: InterpreterArgs, size: SparkSizeArgs) -> dict[str, str]:
    """The Spark settings of a notebook. Sources: zeppelin-spark-k8s.md 2.2; `spark.executor.instances` is blank because Zeppelin
    presets 2, which would be the number that dynamic allocation starts with.
    """
    executor, driver = size.executor, size.driver
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
        "spark.kubernetes.executor.podTemplateFile": "/opt/zeppelin/executor.yaml",
        "spark.kubernetes.executor.podTemplateContainerName": "executor",
        "spark.kubernetes.authenticate.executor.serviceAccountName": args.executor_account,
        "spark.kubernetes.driver.ownPersistentVolumeClaim": "false",
        "spark.kubernetes.driver.reusePersistentVolumeClaim": "false",
        "spark.kubernetes.driver.service.deleteOnTermination": "false",
        "spark.dynamicAllocation.enabled": "true",
        "spark.dynamicAllocation.shuffleTracking.enabled": "true",
        "spark.dynamicAllocation.minExecutors": "0",
        "spark.dynamicAllocation.maxExecutors": str(size.max_executors),
        "spark.dynamicAllocation.executorIdleTimeout": f"{args.executor_idle_seconds}s",
        "spark.dynamicAllocation.cachedExecutorIdleTimeout": f"{args.cached_idle_seconds}s",
        "spark.dynamicAllocation.shuffleTracking.timeout": f"{args.cached_idle_seconds}s",
        # An executor that goes, idle or with its node, ends its tasks and hands what it caches to those that stay; but it does go: a round
        # of migration would wait 30 s, and the last of them has nobody to give to. It hands over no shuffle files: Spark takes whoever
        # gets some for busy until the next job, so an idle notebook would keep an executor (spark: ExecutorMonitor.addShuffle, 3.5.8 and
        # 4.0.3; tests/cloud/test_spark.py). What is lost with them is computed again where it is asked for.
        "spark.decommission.enabled": "true",
        "spark.storage.decommission.enabled": "true",
        "spark.storage.decommission.shuffleBlocks.enabled": "false",
        "spark.storage.decommission.replicationReattemptInterval": "5s",
        "spark.executor.decommission.forceKillTimeout": "60s",
        # What waits for a node or for quota is asked for again and again, so little of it at a time.
        "spark.kubernetes.allocation.maxPendingPods": str(min(size.max_executors, 20)),
        "spark.kubernetes.allocation.driver.readinessTimeout": "10s",
        "spark.authenticate": "true",
        "spark.network.crypto.enabled": "true",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.eventLog.enabled": "true",
        # Where to, says files/copy-zeppelin.sh. A notebook that stops its session and makes another goes on under the same name.
        "spark.eventLog.overwrite": "true",
        "spark.eventLog.rolling.enabled": "true",
        "spark.eventLog.rolling.maxFileSize": "64m",
        # `driver` and not `*`, which a shell between Zeppelin and Spark would read as a pattern.
        "spark.metrics.conf.driver.sink.prometheusServlet.class": "org.apache.spark.metrics.sink.PrometheusServlet",
        "spark.metrics.conf.driver.sink.prometheusServlet.path": "/metrics/prometheus",
        "spark.metrics.namespace": "zeppelin",
        "spark.ui.prometheus.enabled": "true",
        # Each is a line of metrics (components/monitoring.py, json_values).
        "spark.ui.retainedStages": "300",
        # The UI is read by whoever may read the notebook, and is no place to stop others' work.
        "spark.ui.killEnabled": "false",
        # Object stores other than Amazon's have one name for all buckets.
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.jars.ivy": "/work/.ivy2",
    }
    if args.web_identity:
        # Hadoop 3.3's name of it, which Hadoop 3.4 takes for its own.
        properties["spark.hadoop.fs.s3a.aws.credentials.provider"] = "com.amazonaws.auth.WebIdentityTokenCredentialsProvider"
    if args.maven_mirror:
        properties["spark.jars.repositories"] = args.maven_mirror
    return properties


_TELL = ["python3", "-B", "/opt/platform/check_datasets.py", "tell", "/opt/platform/datasets.json"]
_TELL_PYTHON = f"import subprocess as _tell; print(_tell.run({_TELL}, capture_output=True, text=True).stdout, end='')"
_TELL_SCALA = f'print(scala.util.Try(scala.sys.process.Process(Seq({", ".join(json.dumps(word) for word in _TELL)})).!!).getOrElse(""))'
_PRECODE = {
    "spark": {"SparkInterpreter": _TELL_SCALA, "PySparkInterpreter": _TELL_PYTHON, "IPySparkInterpreter": _TELL_PYTHON},
    "python": {"PythonInterpreter": _TELL_PYTHON, "IPythonInterpreter": _TELL_PYTHON},
    "sh": {"ShellInterpreter": " ".join(_TELL)},
}
"""Interpreter group to class to what it runs once, when it starts: which datasets are lost on its node. What that prints stands above the
first paragraph's result (zeppelin: RemoteInterpreterServer.InterpretJob, 0.12.1)."""

_LANGUAGES: Mapping[str, Mapping[str, str]] = {
    "python": {"zeppelin.python": "python3", "zeppelin.python.useIPython": "false"},
    "md": {"markdown.parser.type": "flexmark"},
    "sh": {"shell.command.timeout.millisecs": "600000"},
    "jdbc": {},
}
"""Interpreter groups beside spark, and their properties where Zeppelin's own will not do."""


def interpreter_settings(args: InterpreterArgs) -> str:
    """Zeppelin's settings of our interpreters, as JSON in the form of interpreter.json: one Pod per notebook, person and language."""
    spark = {"SPARK_HOME": "/opt/spark", "PYSPARK_PYTHON": "python3", "PYSPARK_DRIVER_PYTHON": "python3"}
    spark["zeppelin.spark.uiWebUrl"] = "/spark-ui/{{SERVICE_NAME}}"
    kinds = {name: ("spark", spark_properties(args, size) | spark) for name, size in args.sizes.items()}
    kinds |= {language: (language, dict(_LANGUAGES[language])) for language in args.languages}
    for group, properties in kinds.values() if args.datasets else ():
        properties.update({f"zeppelin.{title}.precode": code for title, code in _PRECODE.get(group, {}).items()})
    settings = {
        name: {
            "id": name,
            "name": name,
            "group": group,
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
        for name, (group, properties) in kinds.items()
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


@dataclass(frozen=True, kw_only=True)
class LdapArgs:
    """A directory that knows people. url: ldap:// or ldaps://. user_dn_template: with {0} for the login name. group_search_base: where
    groups are. administrators_group: groupOfNames whose members are administrators. bind_dn: who searches for groups, or None.
    """

    url: str
    user_dn_template: str
    group_search_base: str
    administrators_group: str
    bind_dn: str | None = None


def shiro_ini(known: Mapping[str, str] | LdapArgs, administrators: Sequence[str], bind_password: str, *, secure: bool) -> str:
    """Zeppelin's shiro.ini.

    known: login names, to passwords as `shiro_hash` writes them; or a directory. administrators: those of the login names with the role.
    bind_password: of the directory's `bind_dn`. secure: whether the session cookie goes by https alone.
    """
    realms, users = _directory(known, bind_password) if isinstance(known, LdapArgs) else _people(known, administrators)
    result = text("zeppelin/files/shiro.ini")
    for key, value in {"realms": realms, "users": users, "cookie_secure": str(secure).lower()}.items():
        result = result.replace(f"@{key}@", value)
    return result


def _people(hashes: Mapping[str, str], administrators: Sequence[str]) -> tuple[str, str]:
    """The lines of [main], and the sections, for people with a password of the stack."""
    realms = [
        "passwordMatcher = org.apache.shiro.authc.credential.PasswordMatcher",
        "iniRealm.credentialsMatcher = $passwordMatcher",
        "securityManager.realms = $iniRealm",
    ]
    users = [f"{name} = {hashed}{', admin' if name in administrators else ''}" for name, hashed in hashes.items()]
    return "\n".join(realms), "\n".join(["[users]", *users, "", "[roles]", "admin = *", ""])


def _directory(ldap: LdapArgs, bind_password: str) -> tuple[str, str]:
    """The lines of [main] for people whom a directory knows, and no section. Source: org.apache.zeppelin.realm.LdapRealm, 0.12.1."""
    lines = [
        "ldapRealm = org.apache.zeppelin.realm.LdapRealm",
        f"ldapRealm.contextFactory.url = {ldap.url}",
        "ldapRealm.contextFactory.authenticationMechanism = simple",
        f"ldapRealm.userDnTemplate = {ldap.user_dn_template}",
        "ldapRealm.authorizationEnabled = true",
        f"ldapRealm.searchBase = {ldap.group_search_base}",
        f"ldapRealm.groupSearchBase = {ldap.group_search_base}",
        "ldapRealm.groupObjectClass = groupofnames",
        f"ldapRealm.memberAttributeValueTemplate = {ldap.user_dn_template}",
        f"ldapRealm.rolesByGroup = {ldap.administrators_group}: admin",
        "securityManager.realms = $ldapRealm",
    ]
    if ldap.bind_dn:
        # Shiro takes a value that begins with a dollar sign for the name of an object.
        password = f"\\{bind_password}" if bind_password.startswith("$") else bind_password
        lines += [
            f"ldapRealm.contextFactory.systemUsername = {ldap.bind_dn}",
            f"ldapRealm.contextFactory.systemPassword = {password.strip()}",
        ]
    return "\n".join(lines), ""
