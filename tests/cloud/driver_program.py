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


def spread(megabytes=8, rows=400_000):
    """A job that broadcasts so much and shuffles rows of some length; (bytes that all tasks have seen, number of rows)."""
    value = sc.broadcast(b"x" * megabytes * 2**20)
    seen = sc.parallelize(range(4), 4).map(lambda _: len(value.value)).sum()
    lines = sc.parallelize(range(rows), 4).map(lambda n: (n, "some text that is the same in every row" + str(n))).repartition(4)
    return [seen, lines.count()]


def starve(megabytes, processes=8):
    """A job whose first attempt takes so much memory that its executor dies of it; the sum of 0..3, which is 6.

    Many processes share it, so that the kernel takes the largest of all: Java, which is the executor.
    """

    def greedy(number):
        import os

        from pyspark import TaskContext

        if number == 0 and TaskContext.get().attemptNumber() == 0:
            for _ in range(processes):
                if os.fork() == 0:
                    held = bytearray(os.urandom(2**20)) * (megabytes // processes)
                    time.sleep(60)
                    os._exit(len(held) % 2)
            time.sleep(60)
        return number

    return sc.parallelize(range(4), 4).map(greedy).sum()


print("READY", flush=True)
for line in sys.stdin:
    try:
        answer = {"value": eval(line)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print("ANSWER " + json.dumps(answer), flush=True)
