"""Runs as a Spark driver: makes a session of the properties in argv[1], then answers one Python expression per line.

Questions and answers are standard input and output, or the files argv[2] and argv[3].
"""

import json
import sys
import time

from pyspark import SparkConf
from pyspark.sql import SparkSession

with open(sys.argv[1]) as file:
    conf = SparkConf(loadDefaults=False)
    for key, value in json.load(file).items():
        conf.set(key, value)
questions, answers = sys.stdin, sys.stdout
if len(sys.argv) > 2:
    questions, answers = open(sys.argv[2]), open(sys.argv[3], "a")  # noqa: SIM115 - for as long as it runs
spark = SparkSession.builder.config(conf=conf).getOrCreate()
sc = spark.sparkContext


def executors():
    """Executors that are registered now."""
    return sc._jsc.sc().getExecutorMemoryStatus().size() - 1


def hostile(settings):
    """Change settings as a person's own code can, of what Spark has read already, too; None takes one away. What they were."""
    live = sc._jsc.sc().conf()
    before = {key: live.get(key) if live.contains(key) else None for key in settings}
    for key, value in settings.items():
        live.remove(key) if value is None else live.set(key, value)
    return before


def shuffle(partitions=8, seconds=0.0):
    """A job with a shuffle: the sum of 0..9999, each task taking so long. 49995000 is right."""
    rows = sc.parallelize(range(10_000), partitions).mapPartitions(lambda part: (time.sleep(seconds), part)[1])
    return sum(rows.map(lambda x: (x % 10, x)).reduceByKey(lambda a, b: a + b).values().collect())


def skipped_stages():
    """How many stages the last job left out, because their shuffle files were still there."""
    jobs = sc._jsc.sc().statusStore().jobsList(None)
    return max((jobs.apply(index) for index in range(jobs.size())), key=lambda job: job.jobId()).numSkippedStages()


def attempts():
    """How often the last stage was tried."""
    every = sc._jsc.sc().statusStore().stageList(None, False, False, sc._gateway.new_array(sc._jvm.double, 0), None)
    return 1 + max((stage.stageId(), stage.attemptId()) for stage in map(every.apply, range(every.size())))[1]


def begin_long(tasks, seconds):
    """Begin a job of so many tasks, each taking so long, and do not wait for it."""
    import threading

    threading.Thread(target=shuffle, args=(tasks, seconds), daemon=True).start()


def register_at_shuffle_service(host, port, secret):
    """Tell a shuffle service of an executor of this application. secret: "" for the right one. Returns "", or the words of a refusal."""
    jvm, spark_context = sc._jvm, sc._jsc.sc()
    network, application = jvm.org.apache.spark.network, spark_context.applicationId()
    options = {"spark.network.crypto.enabled": "true", "spark.network.crypto.saslFallback": "false"}
    conf = network.util.TransportConf("shuffle", network.util.MapConfigProvider(options))
    secrets = network.sasl.ShuffleSecretManager()
    secrets.registerApp(application, secret or spark_context.env().securityManager().getSecretKey())
    client = network.shuffle.ExternalBlockStoreClient(conf, secrets, True, 5000)
    client.init(application)
    folders = sc._gateway.new_array(jvm.java.lang.String, 1)
    folders[0] = "/nowhere"
    info = network.shuffle.protocol.ExecutorShuffleInfo(folders, 64, "org.apache.spark.shuffle.sort.SortShuffleManager")
    try:
        client.registerWithShuffleServer(host, port, "executor-of-nobody", info)
    except Exception as error:
        return str(error)
    finally:
        client.close()
    return ""


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


def feast(megabytes, processes):
    """Have so many processes hold so much memory together for a minute.

    Many share it, so that the kernel takes the largest of all: Java, which is executor or driver.
    """
    import os

    for _ in range(processes):
        if os.fork() == 0:
            held = bytearray(os.urandom(2**20)) * (megabytes // processes)
            time.sleep(60)
            os._exit(len(held) % 2)
    time.sleep(60)


def starve(megabytes, processes=24):
    """A job whose first attempt takes so much memory that its executor dies of it; the sum of 0..3, which is 6."""

    def greedy(number):
        from pyspark import TaskContext

        if number == 0 and TaskContext.get().attemptNumber() == 0:
            feast(megabytes, processes)
        return number

    return sc.parallelize(range(4), 4).map(greedy).sum()


print("READY", file=answers, flush=True)
for line in questions:
    try:
        answer = {"value": eval(line)}
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print("ANSWER " + json.dumps(answer), file=answers, flush=True)
