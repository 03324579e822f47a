"""Changes of the dev stack's file that several tests make. Each changes what it is given."""

from typing import Any

Data = dict[str, Any]


def grown(data: Data) -> None:
    """A larger dataset."""
    data["gaia-dmp:datasets"][0]["source"]["size_gib"] = 12


def second_dataset(data: Data) -> None:
    """One more dataset, which the stack makes."""
    source = {"kind": "create", "size_gib": 1, "on_destroy": "delete"}
    data["gaia-dmp:datasets"].append({"name": "second", "mount_path": "/data/gaia/second", "source": source})


def another_pool(data: Data) -> None:
    """One more pool of nodes."""
    pool = {"name": "more", "count": 1, "flavor": "vm.v1.large", "vcpus": 8, "memory_gib": 32, "disk_gib": 60}
    data["gaia-dmp:cloud"]["cluster"]["pools"].append(pool)
