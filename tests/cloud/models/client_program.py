"""A client of MLflow, as a notebook is one: evaluates each argument, or where there is none each line, a JSON list of expressions.

Prints {"answers": values}, or {"error": words} where one fails, as JSON.
"""

import json
import os
import sys
import tempfile

import mlflow
import pandas as pd
from mlflow import MlflowClient
from sklearn.linear_model import LinearRegression

client = MlflowClient()


def train(experiment, name, slope=2.0):
    """A line of this slope, logged in an experiment and registered under a name: its run and its version."""
    mlflow.set_experiment(experiment)
    data = pd.DataFrame({"x": [0.0, 1.0, 2.0]})
    line = LinearRegression().fit(data, data["x"] * slope + 1)
    with mlflow.start_run() as run:
        mlflow.log_metric("slope", slope)
        mlflow.sklearn.log_model(line, name="line", input_example=data, registered_model_name=name)
    return [run.info.run_id, client.search_model_versions(f"name='{name}'")[0].version]


def predict(uri, x):
    """What a model says."""
    return round(float(mlflow.pyfunc.load_model(uri).predict(pd.DataFrame({"x": [float(x)]}))[0]), 6)


def upload(run, name, size):
    """A file of so many bytes, all the same, to a run."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        with open(path, "wb") as file:
            file.write(b"x" * size)
        client.log_artifact(run, path)


def downloaded(run, name):
    """The size of a run's file."""
    with tempfile.TemporaryDirectory() as folder:
        return os.path.getsize(client.download_artifacts(run, name, folder))


def rights():
    """The client of MLflow's own rights."""
    from mlflow.server import get_app_client

    return get_app_client("basic-auth", mlflow.get_tracking_uri())


def refused(expression):
    """Whether MLflow says that this person may not."""
    try:
        eval(expression)
    except Exception as error:  # noqa: BLE001 - of files by requests, of all else by MLflow
        return "Permission denied" in str(error) or "403" in str(error)
    return False


def words(expression):
    """What MLflow says of a call that fails."""
    try:
        eval(expression)
    except mlflow.MlflowException as error:
        return str(error)
    return ""


def answer(expressions):
    """Print what the expressions are."""
    try:
        result = {"answers": [eval(expression) for expression in expressions]}
    except Exception as error:  # noqa: BLE001 - the test decides what may fail
        result = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)


if sys.argv[1:]:
    answer(sys.argv[1:])
else:
    for line in sys.stdin:
        answer(json.loads(line))
