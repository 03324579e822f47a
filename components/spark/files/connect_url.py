"""Tells a person how their own machine uses the Spark of their notebook. Runs in the notebook's Python, version 3.8 or later."""

import os
import platform

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


def connect_url():
    """Print the address, and what to type elsewhere."""
    # Only where somebody asks for it: what a paragraph prints stays in the notebook.
    import pyspark  # noqa: PLC0415 - the module is read without Spark as well

    python, spark = (".".join(version.split(".")[:2]) for version in (platform.python_version(), pyspark.__version__))
    print(TEXT.format(python=python, spark=spark, url=url(os.environ)))
