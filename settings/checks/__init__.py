"""Rules between the sections of a stack file, one module per subject. The rules of a single section are in its class in `values`."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.checks import (
    backend,
    connect,
    datasets,
    egress,
    entry,
    homes,
    isolation,
    machines,
    models,
    monitoring,
    object_store,
    shares,
    sizes,
)
from settings.values.vocabulary import Problem

if TYPE_CHECKING:
    from settings.stack import StackSettings

SUBJECTS = (datasets, object_store, shares, homes, sizes, backend, machines, connect, models, entry, egress, isolation, monitoring)


def problems(stack: "StackSettings") -> Iterator[Problem]:
    """Every broken rule between sections, subject by subject. Paths begin at the top of the stack file."""
    for subject in SUBJECTS:
        yield from subject.problems(stack)
