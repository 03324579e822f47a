"""Trains a small model on a sample of a catalogue, registers it, and scores the whole catalogue on the platform's executors.

Runs on your own machine, with Python of the platform's minor version and the platform's versions of what it imports:

    pip install "pyspark-client~=4.0.0" mlflow-skinny==3.17.2 "numpy<2.3" "pandas<2.3" scikit-learn skops
    python score_catalogue.py /data/gaia/GDR3/GDR3_GAIASOURCE

Environment: SPARK_REMOTE, MLFLOW_TRACKING_URI and MLFLOW_TRACKING_TOKEN, as docs/how-to/models.md says. VS Code shows each part that
begins with `# %%` as a cell. The example notebook has the parts `Train`, `Score`, `Write` and `Look`, too: components/zeppelin/examples.py
takes them from here.
"""

# %% Open
import os
import shutil
import sys

import mlflow
import requests
from pyspark.sql import SparkSession

root = sys.argv[1]
spark = SparkSession.builder.getOrCreate()
session = {"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"]}
answer = requests.get(os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/users/current", headers=session, timeout=60)
answer.raise_for_status()
me = answer.json()["user"]["username"]

# %% Train
from pyspark.sql import types  # noqa: E402 - a notebook has imports where they are used
from sklearn.linear_model import LinearRegression  # noqa: E402

table = spark.read.option("recursiveFileLookup", "true").option("pathGlobFilter", "*.parquet").parquet(root)
numbers = [field.name for field in table.schema.fields if isinstance(field.dataType, types.NumericType)]
target, features = numbers[-1], numbers[:-1][:4]

title = "example-" + me
sample = table.select(target, *features).dropna().limit(10_000).toPandas()
line = LinearRegression().fit(sample[features], sample[target])
mlflow.set_experiment(title)
with mlflow.start_run():
    mlflow.log_metric("rows", len(sample))
    mlflow.log_metric("r2", line.score(sample[features], sample[target]))
    info = mlflow.sklearn.log_model(line, name="model", input_example=sample[features].head(3), registered_model_name=title)
print(f"{target} from {', '.join(features)}: registered as {title}, version {info.registered_model_version}, see /models/")

# %% Send
# Executors do not reach MLflow by the address that your machine uses. So the model goes with the session: it is a folder of this name
# here, and in the working directory of every executor.
model = f"{title}-{info.registered_model_version}"
mlflow.artifacts.download_artifacts(f"models:/{title}/{info.registered_model_version}", dst_path=model)
spark.addArtifacts(shutil.make_archive(model, "zip", model) + "#" + model, archive=True)

# %% Score
from pyspark.sql import functions  # noqa: E402

# Each executor loads the model, and scores its part of the rows with the libraries of its image.
score = mlflow.pyfunc.spark_udf(spark, model, result_type="double", env_manager="local")
scored = table.dropna(subset=features).withColumn("score", score(*features))

# %% Write
place = f"file:///user/{me}/scores"
scored.write.mode("overwrite").parquet(place)
scored = spark.read.parquet(place)

# %% Look
count, mean = scored.agg(functions.count("score"), functions.avg("score")).first()
print(f"{count:,} rows scored, mean {mean:.4f}")
