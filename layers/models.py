"""Models: MLflow beside Zeppelin, where the stack has it."""

import pulumi

from components.models.server import ModelServer, ModelServerArgs
from layers.spark import Spark
from layers.stack import Stack
from layers.storage import Storage
from layers.zeppelin import Notebooks


def build(stack: Stack, data: Storage, engine: Spark, notebooks: Notebooks) -> None:
    """The server of models, if the stack has one."""
    settings = stack.settings.models
    if settings is None or data.models is None:
        return
    args = ModelServerArgs(
        namespace=notebooks.namespace,
        spark_namespace=engine.namespace,
        home=data.models,
        settings=settings,
        image=stack.image("mlflow"),
        people=stack.people,
        administrators=[login for login, administrator in stack.settings.administrators().items() if administrator],
        origin=stack.origin,
        serving=stack.serving,
        priority=engine.pods.identities.priorities.server,
        protect=stack.protect,
    )
    ModelServer("models", args, pulumi.ResourceOptions.merge(data.inside, pulumi.ResourceOptions(depends_on=[engine.network])))
