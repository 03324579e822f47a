"""Runs as a Spark driver: makes a session of the properties in argv[1], then answers one Python expression per line of its input."""

import json
import sys
import time

from pyspark import SparkConf
from pyspark.sql import SparkSession

with open(sys.argv[1]) as file:
    conf = SparkConf(loadDefaults=False)
    for key, value in json.load(file).items():
        conf.set(key, value)
spark = SparkSession.builder.config(conf=conf).getOrCreate()
sc = spark.sparkContext


def executors():
    """Executors that are registered now."""
    return sc._jsc.sc().getExecutorMemoryStatus().size() - 1


def shuffle(partitions=8, seconds=0.0):
    """A job with a shuffle: the sum of 0..9999, each task taking so long. 49995000 is right."""
    rows = sc.parallelize(range(10_000), partitions).mapPartitions(lambda part: (time.sleep(seconds), part)[1])
    return sum(rows.map(lambda x: (x % 10, x)).reduceByKey(lambda a, b: a + b).values().collect())


def wait(check, seconds):
    """Seconds until `check` holds; None where it does not in time."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        if check():
            return time.monotonic() - begin
        time.sleep(0.02)
    return None


def first_executor(seconds=120):
    """Seconds from the submission of a job until the first executor is registered."""
    import threading

    threading.Thread(target=shuffle, daemon=True).start()
    return wait(lambda: executors() > 0, seconds)


print("READY", flush=True)
for line in sys.stdin:
    try:
        answer = {"value": eval(line)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print("ANSWER " + json.dumps(answer), flush=True)
