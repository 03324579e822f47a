"""Tells a person how their own machine uses the Spark of their notebook, and tells Zeppelin that it does.

Runs in the Python of a notebook, version 3.8 or later.

Zeppelin ends an interpreter that nobody has used for a while, and knows of its paragraphs alone. So once somebody has an address, this
looks every few seconds whether a client of Spark Connect runs something, or has since the last look, and if so asks the interpreter a
question that counts as use (zeppelin: interpreter/remote/RemoteInterpreterServer.java, getStatus, 0.12.1).
"""

import os
import platform
import socket
import struct
import sys
import threading
import time

EVERY = 20
"""Seconds between two looks. Zeppelin itself looks once in a minute whether an interpreter is idle."""

INTERPRETER_PORT = 12321
CALL = 0x80010001
"""Version and kind of a Thrift message that asks."""

TEXT = """\
On your own machine, with Python {python}, once:

    pip install "pyspark-client~={spark}.0"

and then, in Python:

    from pyspark.sql import SparkSession
    spark = SparkSession.builder.remote("{url}").getOrCreate()
    spark.range(10).count()

This address is a password: who has it works in your name, with your data and your executors, until this interpreter ends. Delete this
paragraph's output before you show the notebook to anybody.
"""


def url(environment):
    """Address of this driver, with its token."""
    return environment["CONNECT_ADDRESS"] + ";token=" + environment["SPARK_CONNECT_AUTHENTICATE_TOKEN"]


def last_use(service):
    """When a client's last query ended, in milliseconds since 1970; None while one runs. service: SparkConnectService of the driver."""
    # Either the time, or what runs (spark: sql/connect/service/SparkConnectService.scala, listActiveExecutions, 4.0.3).
    found = service.listActiveExecutions()
    return None if found.isRight() else found.left().get()


def touch(port):
    """Use the interpreter that listens here, in the sense of Zeppelin. Raises OSError."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        name, nothing = b"getStatus", struct.pack(">I", 0)
        head = struct.pack(">II", CALL, len(name)) + name + struct.pack(">I", 1)
        fields = b"".join(struct.pack(">BH", 11, number) + nothing for number in (1, 2))
        connection.sendall(head + fields + b"\0")
        if not connection.recv(65536):
            raise OSError("the interpreter closed the connection")


def watch(service, port, pause):
    """Touch the interpreter as often as clients use it, for as long as this process lives. pause: is called between two looks."""
    known = last_use(service)
    while True:
        pause()
        try:
            seen = last_use(service)
            if seen is None or seen != known:
                touch(port)
        except Exception as error:  # noqa: BLE001 - whatever it is: the next look may succeed, and nobody starts this a second time
            print(f"connect_url: the interpreter may take itself for idle: {error}", file=sys.stderr, flush=True)
            continue
        known = seen


WATCHING = []


def connect_url():
    """Print the address, and what to type elsewhere."""
    # Only where somebody asks for it: what a paragraph prints stays in the notebook.
    import pyspark  # noqa: PLC0415 - the module is read without Spark as well

    if not WATCHING:
        service = pyspark.SparkContext._jvm.org.apache.spark.sql.connect.service.SparkConnectService  # noqa: SLF001 - Py4J
        thread = threading.Thread(target=watch, args=(service, INTERPRETER_PORT, lambda: time.sleep(EVERY)), daemon=True)
        thread.start()
        WATCHING.append(thread)
    python, spark = (".".join(version.split(".")[:2]) for version in (platform.python_version(), pyspark.__version__))
    print(TEXT.format(python=python, spark=spark, url=url(os.environ)))
