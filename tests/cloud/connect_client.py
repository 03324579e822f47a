"""A person's own machine: opens a session of Spark Connect at argv[1] and evaluates each further argument.

It has the thin client alone: no Java, no jars, no Kubernetes. Prints {"answers": values}, or {"error": words} where one fails, as JSON.
"""

import json
import os
import sys
import time

from pyspark.sql import SparkSession, functions
from pyspark.sql.types import LongType

spark = None


def doubled(rows, partitions=4):
    """The sum of so many numbers, each doubled by a Python function on an executor."""
    double = functions.udf(lambda x: 2 * x, LongType())
    return spark.range(0, rows, 1, partitions).select(double("id").alias("two")).agg(functions.sum("two")).first()[0]


def slow(seconds):
    """A query that takes so long: its one row."""
    return spark.range(1).select(functions.udf(lambda x: time.sleep(seconds) or x, LongType())("id")).first()[0]


def hosts():
    """Where Python functions run: the number of processes, and whether any is the client's."""
    found = {row[0] for row in spark.range(0, 8, 1, 8).select(functions.udf(lambda _: os.getpid(), LongType())("id")).collect()}
    return [len(found) > 0, os.getpid() in found]


try:
    spark = SparkSession.builder.remote(sys.argv[1]).getOrCreate()
    result = {"answers": [eval(expression) for expression in sys.argv[2:]]}
except Exception as error:  # noqa: BLE001 - the test decides what may fail
    result = {"error": f"{type(error).__name__}: {error}"}
print(json.dumps(result))
