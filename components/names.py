"""The names that more than one room must agree on: namespaces, workloads, quotas, accounts, labels and ports.

Everybody may read this list: alert rules, dashboards, policy, restore, the test notebook and the tests of runbooks. It reads nothing.
A name that stands here stands nowhere else.
"""

from collections.abc import Iterable, Mapping

Labels = Mapping[str, str]

PROGRAM = "gaia-dmp"
"""How marks on things in the cloud begin; a dash and the stack follow."""


def whose(tags: Iterable[str], metadata: Mapping[str, str], mark: str) -> str:
    """The mark of the stack that made a thing, "" where it carries none. mark: the one to prefer. Neutron keeps tags, Manila metadata."""
    marks = [tag for tag in tags if tag.startswith(f"{PROGRAM}-")] + [metadata[key] for key in ("stack",) if metadata.get(key)]
    return mark if mark in marks else next(iter(marks), "")


# Namespaces.
CSI_NAMESPACE = "gaia-csi"
ZEPPELIN_NAMESPACE = "gaia-zeppelin"
SPARK_NAMESPACE = "gaia-spark"
MONITORING_NAMESPACE = "gaia-monitoring"
NODES_NAMESPACE = "gaia-nodes"

# Deployments, DaemonSets, Jobs and Services, each with the name of what it runs.
ZEPPELIN = "zeppelin-server"
GATEWAY = "gateway"
OIDC_PROXY = "gate"
HISTORY_SERVER = "spark-history"
MODELS = "models"
DATASET_CHECK = "dataset-check"
IMAGE_PULLER = "image-puller"
SMOKE_TEST = "smoke-test"
YARN_MANAGER, YARN_WORKER = "yarn", "yarn-worker"
CEPH_PLUGIN = "cephfs-node-plugin"
MANILA_PLUGIN = "manila-node-plugin"

# CronJobs. RESTORE never runs by itself: `gaia restore` makes a Job from it.
BACKUP = "backup-notebooks"
RESTORE = "restore-notebooks"
CLEANER = "interpreter-cleaner"

# Quotas, in the namespace of notebooks.
NOTEBOOKS_QUOTA = "notebooks"


def person_quota(role: str, person: str) -> str:
    """The quota of one person's drivers or executors. role: `driver` or `executor`. person: as part of names of objects."""
    return f"{role}-{person}"


# Accounts. That of a person's drivers is `<DRIVER_ACCOUNT>-<person>`.
ZEPPELIN_ACCOUNT = "zeppelin-server"
DRIVER_ACCOUNT = "spark-driver"
EXECUTOR_ACCOUNT = "spark-executor"
INTERPRETER_ACCOUNT = "interpreter"
MODELS_ACCOUNT = "models"

# ConfigMaps, in the namespace of notebooks.
GPU_FILES = "gpu-files"

# Claims, in the namespace of Zeppelin.
NOTEBOOKS_CLAIM, BACKUP_CLAIM, MODELS_CLAIM = "notebooks", "backup", "models"

# Claims, in the namespace of notebooks.
HISTORY_CLAIM = "spark-history"
POD_STAGING_FOLDER = ".yarn"
"""Folder of that claim with what drivers beside Yarn leave for their executors: a folder for each person."""
USER_CLAIM = "user"
"""How the names of claims of people's own spaces begin; a dash and the person follow."""


def user_claim(person: str) -> str:
    """The claim of one person's own space. person: as part of names of objects."""
    return f"{USER_CLAIM}-{person}"


# CSI drivers.
CEPHFS_DRIVER = "cephfs.csi.ceph.com"
MANILA_DRIVER = "cephfs.manila.csi.openstack.org"

# Secrets.
PULL_SECRET = "registry"  # noqa: S105 - the name of a Secret
"""Name of the pull secret in each namespace."""

NOT_AWAITED: Labels = {"pulumi.com/skipAwait": "true"}
"""Annotation of an object that an update does not wait for (pulumi-kubernetes: installation and configuration, await)."""
ONLY_DELETION_AWAITED: Labels = {"pulumi.com/waitFor": "jsonpath={.metadata.uid}"}
"""Annotation of a Job whose end an update does not wait for. With `skipAwait` a Job of the same name would be made while the old one is
still being deleted, and be refused (pulumi-kubernetes: provider/pkg/metadata/overrides.go)."""

# Labels. `gaia-dmp/user` is whose Pod it is, `gaia-dmp/group` which language it speaks.
NAME, COMPONENT, MANAGED_BY = "app.kubernetes.io/name", "app.kubernetes.io/component", "app.kubernetes.io/managed-by"
USER, GROUP = "gaia-dmp/user", "gaia-dmp/group"
INTERPRETER, EXECUTOR, MANAGER = "zeppelin-interpreter", "spark-executor", "zeppelin"
"""Values of NAME of interpreters and executors, and of MANAGED_BY of what Zeppelin makes."""

ZEPPELIN_LABELS: Labels = {NAME: "zeppelin", COMPONENT: "server"}
GATEWAY_LABELS: Labels = {NAME: "zeppelin", COMPONENT: "gateway"}
OIDC_PROXY_LABELS: Labels = {NAME: "zeppelin", COMPONENT: "gate"}
INTERPRETER_LABELS: Labels = {NAME: INTERPRETER}
DRIVER_LABELS: Labels = {NAME: INTERPRETER, GROUP: "spark"}
EXECUTOR_LABELS: Labels = {NAME: EXECUTOR}
HISTORY_LABELS: Labels = {NAME: HISTORY_SERVER}
YARN_MANAGER_LABELS: Labels = {NAME: "yarn", COMPONENT: "resource-manager"}
YARN_WORKER_LABELS: Labels = {NAME: "yarn", COMPONENT: "node-manager"}
MODELS_LABELS: Labels = {NAME: MODELS}
DATASET_CHECK_LABELS: Labels = {NAME: DATASET_CHECK}
IMAGE_PULLER_LABELS: Labels = {NAME: IMAGE_PULLER}
CLEANER_LABELS: Labels = {NAME: CLEANER}
BACKUP_LABELS: Labels = {NAME: "notebook-backup"}
SMOKE_TEST_LABELS: Labels = {NAME: SMOKE_TEST}
CEPH_PLUGIN_LABELS: Labels = {NAME: "ceph-csi-cephfs", COMPONENT: "node-plugin"}
MANILA_PLUGIN_LABELS: Labels = {NAME: "manila-csi-cephfs", COMPONENT: "node-plugin"}
PROMETHEUS_LABELS: Labels = {NAME: "prometheus", COMPONENT: "server"}
STATE_METRICS_LABELS: Labels = {NAME: "kube-state-metrics"}
ALERTMANAGER_LABELS: Labels = {NAME: "alertmanager"}
NODE_EXPORTER_LABELS: Labels = {NAME: "prometheus-node-exporter"}
JSON_EXPORTER_LABELS: Labels = {NAME: "prometheus-json-exporter"}
GRAFANA_LABELS: Labels = {NAME: "grafana"}

# Users inside containers.
SPARK_UID = 185
"""User and group of interpreters and executors: that of the Spark image."""

ZEPPELIN_UID = 1000
"""User of the server, who owns the notebooks."""

# TCP ports.
ZEPPELIN_PORT = 8080
WEBSOCKET_PORT = 8081
"""Port of what stands before Zeppelin's websocket."""

RPC_PORT = 12320
"""Port of Zeppelin's server for interpreters, and of the Service, whose other end is RPC_FILTER_PORT: one number, because Zeppelin tells an
interpreter that it finds again its own (zeppelin: interpreter/recovery/RecoveryUtils.java, 0.12.1)."""

RPC_FILTER_PORT = 12322
"""Port of what stands before Zeppelin's server for interpreters."""

INTERPRETER_PORT, DRIVER_PORT, BLOCK_MANAGER_PORT, UI_PORT = 12321, 22321, 22322, 4040
"""Ports of an interpreter and of a driver, all fixed by Zeppelin's launcher but that of the Spark UI (K8sRemoteInterpreterProcess)."""

YARN_BLOCK_PORTS = range(BLOCK_MANAGER_PORT, BLOCK_MANAGER_PORT + 100)
"""Ports of executors on Yarn. Those of one NodeManager share its network, and each takes the next that is free."""

CONNECT_PORT = 15002
"""Port at which a driver serves Spark Connect."""

GATEWAY_HTTP_PORT, GATEWAY_HTTPS_PORT = 8080, 8443
OIDC_PROXY_PORT = 4180
HISTORY_PORT = 18080
MODELS_PORT = 5000
DATASET_CHECK_PORT = 9380
SMOKE_TEST_PORT = 9381
CEPH_PLUGIN_PORT = 8681
"""Liveness of CephCSI on each node's own address (ceph-csi: docs/metrics.md)."""

PROMETHEUS_PORT, STATE_METRICS_PORT, ALERTMANAGER_PORT, NODE_EXPORTER_PORT = 9090, 8080, 9093, 9100
JSON_EXPORTER_PORT, GRAFANA_PORT = 7979, 3000

YARN_SCHEDULER_PORT, YARN_TRACKER_PORT, YARN_PORT, YARN_ADMIN_PORT, YARN_WEB_PORT = 8030, 8031, 8032, 8033, 8088
"""Ports of Yarn's ResourceManager: for applications, for NodeManagers, for drivers, for administrators, and its pages."""

YARN_LOCALIZER_PORT, YARN_CONTAINER_PORT, YARN_NODE_WEB_PORT = 8040, 8041, 8042
"""Ports of Yarn's NodeManagers: for what they fetch, for containers, and their pages."""

SHUFFLE_PORT = 17337
"""Port of Spark's shuffle service in each NodeManager. Spark's own default, 7337, is a port of many other programs."""
