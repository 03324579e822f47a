"""What Yarn is told: one person's part of it, in Hadoop's own arithmetic, and files that Hadoop can read."""

import itertools
import math
import struct
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from components.yarn.configuration import YarnCluster, spark_defaults, yarn_files
from settings.values.spark import SparkSettings


def cluster(workers: int = 2, cores: int = 8, memory_gib: int = 32) -> YarnCluster:
    return YarnCluster(
        resource_manager="yarn",
        workers=workers,
        cores=cores,
        memory_gib=memory_gib,
        scratch="/work/scratch",
        shuffle_jars="/opt/shuffle",
        spark_home="/opt/spark",
        people=["alice", "bob"],
    )


def spark(cores: int = 2, memory_gib: int = 4, overhead_gib: int = 2, executors: int = 3) -> SparkSettings:
    size = {"cores": cores, "memory_gib": memory_gib, "overhead_gib": overhead_gib, "scratch_gib": 4}
    return SparkSettings.model_validate(
        {
            "pool": "spark",
            "driver": size,
            "executor": size,
            "max_executors": executors,
            "quota": {"cores": 1, "memory_gib": 1, "scratch_gib": 1},
        }
    )


def read(text: str) -> dict[str, str]:
    """The properties of one of Hadoop's files."""
    return {each.findtext("name", ""): each.findtext("value", "") for each in ET.fromstring(text)}


def granted(yarn: YarnCluster, settings: SparkSettings) -> int:
    """How many executors the CapacityScheduler gives to one person with one notebook (hadoop 3.5.0: UsersManager.computeUserLimit, which
    rounds down and then up to GiB; AbstractLeafQueue.canAssignToUser, which looks before it gives; DominantResourceCalculator)."""
    files = yarn_files(yarn, settings)
    (factor,) = struct.unpack(
        "f", struct.pack("f", float(read(files["capacity-scheduler.xml"])["yarn.scheduler.capacity.root.default.user-limit-factor"]))
    )
    cores, memory = yarn.workers * yarn.cores, yarn.workers * yarn.memory_gib

    def shares(of_cores: int, of_memory: int) -> list[float]:
        return sorted((of_cores / cores, of_memory / memory), reverse=True)

    limit = shares(int(cores * factor), math.ceil(int(memory * 1024 * factor) / 1024))
    size, count = settings.executor, 0
    while shares(1 + count * size.cores, 1 + count * size.total_memory_gib) <= limit:
        count += 1
    return count


@pytest.mark.parametrize(
    ("yarn", "settings", "wanted"),
    [
        (cluster(), spark(), 3),
        (cluster(1, 6, 9), spark(1, 1, 1, 2), 2),
        (cluster(6, 25, 40), spark(5, 6, 2, 16), 16),
        (cluster(6, 25, 40), spark(5, 6, 2, 24), 24),
        (cluster(100, 25, 40), spark(5, 6, 2, 200), 200),
        # Processors are what there is least of.
        (cluster(3, 8, 128), spark(4, 4, 2, 5), 5),
        (cluster(7, 13, 200), spark(3, 10, 4, 11), 11),
        # Memory is.
        (cluster(3, 64, 65), spark(1, 10, 2, 13), 13),
        # Of so much memory, a digit or two of the factor are an executor.
        (cluster(93, 26, 500), spark(1, 54, 1, 109), 109),
        (cluster(500, 128, 129), spark(4, 62, 1, 995), 995),
        (cluster(500, 192, 384), spark(34, 93, 1, 1997), 1997),
        (cluster(250, 128, 4000), spark(5, 491, 1, 1987), 1987),
        (cluster(500, 192, 200), spark(7, 6, 1, 1999), 1999),
    ],
)
def test_a_person_gets_as_many_executors_as_the_stack_file_says(yarn, settings, wanted):
    assert granted(yarn, settings) == wanted


def test_a_person_gets_as_many_whatever_the_sizes_are():
    """As far as they fit on all workers together. Equal shares of cores and memory, as sizes often are, had one executor too few."""
    wrong = [
        (workers, cores, memory, of_cores, of_memory, wanted)
        for workers, cores, memory in itertools.product((1, 2, 5), (1, 2, 4, 6), (2, 4, 8, 12, 40))
        for of_cores, of_memory, wanted in itertools.product((1, 2, 4), (2, 4, 6), (1, 2, 5))
        if cores < memory and of_cores <= cores and of_memory <= memory
        if wanted * of_cores < workers * cores and wanted * of_memory < workers * memory
        if granted(cluster(workers, cores, memory), spark(of_cores, of_memory - 1, 1, wanted)) != wanted
    ]
    assert wrong == []


def test_a_person_never_has_more_than_all():
    files = yarn_files(cluster(1), spark(executors=1000))
    assert read(files["capacity-scheduler.xml"])["yarn.scheduler.capacity.root.default.user-limit-factor"] == "1.000000000"


@pytest.mark.parametrize(("people", "accepted"), [(["alice", "bob"], "alice,bob "), ([], " "), (None, "*")])
def test_who_may_start_applications(people, accepted):
    """Hadoop's lists of access: people, a space, groups; a space alone is nobody (hadoop: CapacityScheduler.md)."""
    files = yarn_files(replace(cluster(), people=people), spark())
    queues = read(files["capacity-scheduler.xml"])
    assert queues["yarn.scheduler.capacity.root.default.acl_submit_applications"] == accepted
    assert queues["yarn.scheduler.capacity.root.acl_submit_applications"] == " "


def test_a_driver_asks_for_what_the_stack_file_says():
    settings = spark()
    found = spark_defaults(cluster(), settings, settings.sizes()["spark"])
    assert (found["spark.executor.memory"], found["spark.executor.memoryOverhead"]) == ("4g", "2g")
    assert found["spark.dynamicAllocation.maxExecutors"] == "3"
    assert [key for key in found if key.startswith("spark.kubernetes.")] == []
    # A file of Spark's takes a blank value for a wrong number.
    assert "" not in found.values()
