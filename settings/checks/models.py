"""Models: the server needs an image, and notebooks need MLflow in theirs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.vocabulary import Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings

WITHOUT_MLFLOW = "docker.io/apache/spark:"
"""How images of Spark begin that are known to have no MLflow."""


def problems(stack: "StackSettings") -> Iterator[Problem]:
    if stack.models is None:
        return
    if stack.images.mlflow is None:
        accepted = "the image that `make images IMAGE=mlflow` builds, in your registry"
        yield Problem(("images", "mlflow"), "is missing: `models` needs it", accepted, (("models",),))
    if stack.images.spark.startswith(WITHOUT_MLFLOW):
        message = "has no MLflow, so no notebook could use `models`"
        yield Problem(("images", "spark"), message, "an image with MLflow, such as that of `make images IMAGE=spark`", (("models",),))
