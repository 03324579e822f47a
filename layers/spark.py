"""The namespace in which notebooks compute: its limits, rights and admission, and what else runs in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes.connections import DRIVER, notebook_flows
from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.network_policies import NetworkPolicies
from components.names import DRIVER_ACCOUNT, EXECUTOR_ACCOUNT, INTERPRETER_ACCOUNT, SPARK_NAMESPACE, SPARK_UID
from components.spark.admission import SparkAdmission, SparkAdmissionArgs
from components.spark.dataset_check import DatasetCheck, DatasetCheckArgs
from components.spark.gpus import GpuFiles
from components.spark.hadoop_conf import SECRET, HadoopConf, HadoopConfArgs
from components.spark.history_server import HistoryServer, HistoryServerArgs
from components.spark.local_queue import QUEUE, LocalQueue, LocalQueueArgs
from components.spark.namespace import SparkNamespace, SparkNamespaceArgs
from components.spark.notebook_pods import Identities, Mount, NotebookPods
from components.spark.rbac import SparkRBAC, SparkRBACArgs
from components.storage.user_space import UserSpace, UserSpaceArgs
from components.yarn.configuration import YarnCluster
from components.yarn.pods import Yarn, YarnArgs, yarn_cluster
from layers.cloud import Cloud
from layers.stack import Stack
from layers.storage import Storage
from settings.values.backend import YarnBackend
from settings.values.login import LocalLogin
from settings.values.zeppelin import PersonVolumes


@dataclass(frozen=True, kw_only=True)
class Spark:
    """The namespace of notebooks, ready for Zeppelin."""

    namespace: NamespaceRef
    """The namespace."""

    pods: NotebookPods
    """What Pods of notebooks look like."""

    rights: Sequence[pulumi.Resource]
    """Rights and admission, which stand before anybody uses them."""

    network: pulumi.Resource
    """Network policies of the namespace."""

    yarn: YarnCluster | None
    """Yarn, where drivers ask it for executors; or None."""

    namespaces: Mapping[str, str]
    """The stack output of the namespaces that this layer makes."""


def build(stack: Stack, cloud: Cloud, data: Storage) -> Spark:
    """Build the namespace of notebooks with everything that restricts them, and what else runs in it."""
    settings, people = stack.settings.spark, list(stack.people.values())
    namespace = SparkNamespace(
        "spark",
        SparkNamespaceArgs(
            spark=settings,
            people=people,
            check_pods=_check_pods(stack, data),
            history=data.history is not None,
            login=stack.registry_login,
        ),
        data.inside,
    )
    where = namespace.namespace
    annotations = {"eks.amazonaws.com/role-arn": cloud.identity} if cloud.identity else {}
    rbac = SparkRBAC("spark-rbac", SparkRBACArgs(namespace=where, people=people, annotations=annotations), data.inside)
    for each in data.datasets:
        each.volume.bind(where, data.keys)
    yarn = _yarn(stack)
    pods = NotebookPods(
        identities=Identities(
            driver=DRIVER_ACCOUNT,
            executor=EXECUTOR_ACCOUNT,
            interpreter=INTERPRETER_ACCOUNT,
            priorities=namespace.priorities,
            people=stack.people,
        ),
        spark_image=stack.image("spark"),
        zeppelin_image=stack.image("zeppelin"),
        mounts=[Mount(dataset=each.dataset, claim=each.volume.claim_name) for each in data.datasets],
        node_selector=cloud.spark_nodes,
        gpu_nodes=cloud.gpu_nodes,
        pull_secret=where.pull_secret_name,
        user_space=bool(data.spaces),
        fs_group=SPARK_UID if isinstance(stack.settings.zeppelin.user_space, PersonVolumes) else None,
        hadoop_conf=SECRET if data.buckets else None,
        history=data.history is not None,
        connect=stack.connect_address if settings.connect else None,
        yarn=yarn is not None,
        models=data.models is not None,
        queue=QUEUE if settings.kueue else None,
        web_identity="sts.amazonaws.com" if cloud.identity else None,
    )
    admission = SparkAdmission("spark-admission", SparkAdmissionArgs(title=stack.title, namespace=where, pods=pods), data.inside)
    flows = notebook_flows(
        stack.settings.outside.egress,
        monitoring=stack.settings.monitoring is not None,
        connect=settings.connect,
        yarn=yarn is not None,
        models=data.models is not None,
    )
    # A driver beside Yarn asks Kubernetes for nothing.
    network = NetworkPolicies("spark-network", stack.network_policies(where, flows, [] if yarn else [DRIVER]), data.inside)
    _beside_notebooks(stack, data, where, pods)
    if isinstance(settings.backend, YarnBackend) and yarn:
        backend = YarnArgs(namespace=where, image=stack.image("yarn"), backend=settings.backend, cluster=yarn, spark=settings, pods=pods)
        Yarn("yarn", backend, pulumi.ResourceOptions.merge(data.inside, pulumi.ResourceOptions(depends_on=[network])))
    return Spark(namespace=where, pods=pods, rights=[rbac, admission], network=network, yarn=yarn, namespaces={"spark": SPARK_NAMESPACE})


def _yarn(stack: Stack) -> YarnCluster | None:
    """Yarn, where the stack has it. A directory knows more people than the stack file names."""
    backend = stack.settings.spark.backend
    if not isinstance(backend, YarnBackend):
        return None
    named = isinstance(stack.settings.zeppelin.login, LocalLogin)
    return yarn_cluster(backend, list(stack.people.values()) if named else None)


def _check_pods(stack: Stack, data: Storage) -> int:
    """How many Pods the checks of datasets have: one on each Spark node, and the two of listings."""
    pool = next(pool for pool in stack.settings.cloud.node_sizes() if pool.name == stack.settings.spark.pool)
    return pool.maximum + 2 if data.datasets else 0


def _beside_notebooks(stack: Stack, data: Storage, namespace: NamespaceRef, pods: NotebookPods) -> None:
    """What stands in the namespace of notebooks, as far as the stack wants it."""
    settings = stack.settings.spark
    if data.buckets:
        HadoopConf("hadoop-conf", HadoopConfArgs(namespace=namespace, buckets=data.buckets), data.inside)
    if settings.kueue:
        LocalQueue("local-queue", LocalQueueArgs(namespace=namespace, cluster_queue=settings.kueue.cluster_queue), data.inside)
    for person, home in data.spaces.items():
        space = UserSpaceArgs(person=person, namespace=namespace, home=home, protect=stack.protect)
        UserSpace(f"space-{person}", space, data.inside)
    if settings.history and data.history:
        history = HistoryServerArgs(
            namespace=namespace,
            home=data.history,
            size_gib=settings.history.size_gib,
            keep_days=settings.history.keep_days,
            image=pods.spark_image,
            identities=pods.identities,
            settings=list(settings.sizes()),
            protect=stack.protect,
        )
        HistoryServer("history-server", history, data.inside)
    if pods.gpu_nodes:
        GpuFiles("gpu", namespace, data.inside)
    if pods.mounts:
        DatasetCheck("dataset-check", DatasetCheckArgs(namespace=namespace, pods=pods), data.inside)
