"""Notebooks: the Zeppelin server behind the isolation of what it starts, its backups, and what tidies up after it."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_random as random
from pulumi_kubernetes.core import v1 as core

from components.kubernetes.connections import CLEANER, MODELS, SERVER, server_flows
from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.network_policies import NetworkPolicies
from components.names import ZEPPELIN_NAMESPACE
from components.zeppelin.backup import NotebookBackup, NotebookBackupArgs
from components.zeppelin.cleaner import InterpreterCleaner, InterpreterCleanerArgs
from components.zeppelin.examples import example_notebooks
from components.zeppelin.image_puller import ImagePuller, ImagePullerArgs
from components.zeppelin.interpreters import InterpreterArgs
from components.zeppelin.server import Zeppelin, ZeppelinArgs
from layers.spark import Spark
from layers.stack import Stack
from layers.storage import Storage
from settings.values.login import LdapLogin


@dataclass(frozen=True, kw_only=True)
class Notebooks:
    """The Zeppelin server."""

    namespace: NamespaceRef
    """Its namespace."""

    service: core.Service
    """Its Service."""

    passwords: pulumi.Output[dict[str, str]]
    """Passwords by login name, the administrator's first (secret); none where a directory has them."""

    made_here: pulumi.ResourceOptions
    """Options with the provider of random values."""

    namespaces: Mapping[str, str]
    """The stack output of the namespaces that this layer makes."""


def build(stack: Stack, data: Storage, engine: Spark) -> Notebooks:
    """Build the server, after everything that restricts what it starts, and its helpers."""
    settings, pods = stack.settings, engine.pods
    made_here = pulumi.ResourceOptions(providers=[random.Provider("random")])
    interpreters = InterpreterArgs(
        pods=pods,
        spark=settings.spark,
        languages=settings.zeppelin.interpreters,
        environment=stack.pod_environment,
        maven_mirror=settings.outside.maven_mirror,
        yarn=engine.yarn,
    )
    bounded = pulumi.ResourceOptions(depends_on=[*engine.rights, engine.network])
    server = Zeppelin(
        "zeppelin",
        ZeppelinArgs(
            server=settings.zeppelin,
            interpreters=interpreters,
            spark_namespace=engine.namespace,
            notebooks=data.notebooks,
            people=list(stack.people),
            administrators=[login for login, administrator in settings.administrators().items() if administrator],
            ldap_password=_ldap_password(stack),
            examples=_examples(stack, data),
            origin=stack.origin,
            login=stack.registry_login,
            ca_bundle=settings.outside.ca_bundle,
            protect=stack.protect,
            password_generation=settings.rotation.passwords,
        ),
        pulumi.ResourceOptions.merge(pulumi.ResourceOptions.merge(data.inside, made_here), bounded),
    )
    where = server.namespace
    flows = server_flows(
        settings.outside.egress,
        monitoring=settings.monitoring is not None,
        connect=settings.spark.connect,
        models=data.models is not None,
    )
    NetworkPolicies(
        "zeppelin-network", stack.network_policies(where, flows, [SERVER, CLEANER, *([MODELS] if data.models else [])]), data.inside
    )
    images = [pods.zeppelin_image, *([stack.image("yarn")] if engine.yarn else []), pods.spark_image]
    ImagePuller("image-puller", ImagePullerArgs(namespace=where, images=images, node_selector=pods.node_selector), data.inside)
    InterpreterCleaner(
        "interpreter-cleaner",
        InterpreterCleanerArgs(namespace=where, image=pods.spark_image, wait_seconds=settings.zeppelin.start_timeout_seconds),
        pulumi.ResourceOptions.merge(data.inside, pulumi.ResourceOptions(depends_on=list(engine.rights))),
    )
    _backup(stack, data, server)
    return Notebooks(
        namespace=where,
        service=server.service,
        passwords=server.passwords,
        made_here=made_here,
        namespaces={"zeppelin": ZEPPELIN_NAMESPACE},
    )


def _ldap_password(stack: Stack) -> pulumi.Input[str]:
    login = stack.settings.zeppelin.login
    return (stack.optional_secret(login.bind_password_secret) if isinstance(login, LdapLogin) else None) or ""


def _examples(stack: Stack, data: Storage) -> str:
    """The notebooks that a newcomer finds."""
    settings = stack.settings
    return example_notebooks(
        [(dataset.name, dataset.location) for dataset in settings.datasets if not dataset.away],
        list(settings.spark.sizes()),
        [f"{stack.title}-{bucket.name}" for bucket in settings.object_store.buckets] if settings.object_store else [],
        space=bool(data.spaces),
        models=data.models is not None,
        limits=[
            f"{settings.spark.per_person.interpreters} interpreters at a time, one for each notebook and language",
            f"{settings.spark.executors_per_person} executors for all your notebooks together",
            *([f"{settings.spark.gpus_per_person} executors with a GPU"] if settings.spark.gpu_sizes else []),
            "Work over a limit waits until something of yours has ended.",
        ],
    )


def _backup(stack: Stack, data: Storage, server: Zeppelin) -> None:
    """Backups of notebooks, if the stack has them."""
    backup = stack.settings.zeppelin.backup
    if backup is None or data.backup is None:
        return
    args = NotebookBackupArgs(
        namespace=server.namespace,
        claim=server.notebooks_claim,
        target=data.backup,
        password=stack.secret(backup.password_secret),
        schedule=backup.schedule,
        keep=backup.keep,
        image=stack.image("restic"),
        environment=stack.pod_environment,
        ca_bundle=stack.settings.outside.ca_bundle,
        models_image=stack.image("mlflow") if data.models else None,
    )
    NotebookBackup("notebook-backup", args, data.inside)
