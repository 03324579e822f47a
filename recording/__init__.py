"""The data model of a recording, and what every reader of one needs. It imports nothing else of this program."""

from recording.model import (
    SECRET,
    SIGNATURE,
    STACK_TYPE,
    UNITS,
    UNKNOWN,
    VERSION,
    Mode,
    RecordedInvoke,
    RecordedResource,
    Recording,
    short_type,
)

__all__ = [
    "SECRET",
    "SIGNATURE",
    "STACK_TYPE",
    "UNITS",
    "UNKNOWN",
    "VERSION",
    "Mode",
    "RecordedInvoke",
    "RecordedResource",
    "Recording",
    "short_type",
]
