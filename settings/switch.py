"""Settings of the switch between two stacks of one platform: `switch/Pulumi.<name>.yaml`."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from settings.values.cloud import OpenStackProject
from settings.values.network import DnsRecord
from settings.values.vocabulary import Name, ObjectName, Problem, Settings

StackNames = Annotated[dict[Name, ObjectName], Field(min_length=2)]


class SwitchSettings(Settings):
    """Everything that a switch's file may say, below `gaia-dmp-switch:name`."""

    project: OpenStackProject
    """The project that owns the zone, and its credential."""

    record: DnsRecord
    """The public name."""

    stacks: StackNames
    """The stacks that can be live: short name to the full name of the stack, as `pulumi stack ls --all` writes it."""

    live: Name
    """Which of them is live."""

    def problems(self) -> Iterator[Problem]:
        if self.live not in self.stacks:
            yield Problem(("live",), "must be one of stacks", ", ".join(self.stacks))
        yield from (Problem(("record", *p.path), p.message, p.accepted) for p in self.record.problems())


def load_switch(data: Mapping[str, Any] | None, file: str) -> SwitchSettings:
    """The settings. Raises ValueError with one message that lists everything that is wrong, by file and key."""
    try:
        settings = TypeAdapter(SwitchSettings).validate_python(data or {})
    except ValidationError as error:
        wrong = [(each["loc"], each["msg"], "") for each in error.errors()]
    else:
        wrong = [(problem.path, problem.message, f"; accepted: {problem.accepted}") for problem in settings.problems()]
        if not wrong:
            return settings
    keys = ((".".join(map(str, path)), message, accepted) for path, message, accepted in wrong)
    raise ValueError("\n".join(f"{file}: gaia-dmp-switch:name.{key}: {message}{accepted}" for key, message, accepted in keys))
