"""What a client of MLflow reads, in drivers and executors. A plain function, no resource."""

from components.names import MODELS, MODELS_PORT, ZEPPELIN_NAMESPACE

MODELS_HOST = f"{MODELS}.{ZEPPELIN_NAMESPACE}.svc:{MODELS_PORT}"
"""Where drivers and executors find the server."""


def model_client_environment() -> dict[str, str]:
    """The environment of a client (mlflow: environment_variables.py, 3.17.2). Without a password: the server knows a Pod by its address."""
    return {"MLFLOW_TRACKING_URI": f"http://{MODELS_HOST}", "MLFLOW_DISABLE_TELEMETRY": "true", "GIT_PYTHON_REFRESH": "quiet"}
