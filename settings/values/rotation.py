"""Settings of rotation: generations of the secrets that the stack creates."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from settings.values.vocabulary import Problem, Settings


class RotationSettings(Settings):
    """Generations of the secrets that the stack creates. Raise one, and the next `pulumi up` creates new ones (docs/how-to/rotate.md)."""

    ceph_keys: Annotated[int, Field(ge=1, le=9999)] = 1
    """Generation of the Ceph keys. A new generation is a new Ceph id and key on every share, which the next mount of a volume uses."""

    ceph_keys_kept: Annotated[int, Field(ge=1, le=9999)] | None = None
    """An earlier generation of Ceph keys that stays valid while Pods move over (docs/how-to/rotate.md). Without it, the old keys go at
    once, and every mount by them is lost."""

    passwords: Annotated[int, Field(ge=1, le=9999)] = 1
    """Generation of people's passwords and of the OIDC proxy's cookie secret."""

    def problems(self) -> Iterator[Problem]:
        if self.ceph_keys_kept and self.ceph_keys_kept >= self.ceph_keys:
            accepted = "a number below ceph_keys, or no value"
            yield Problem(("ceph_keys_kept",), f"is not earlier than ceph_keys {self.ceph_keys}", accepted, (("ceph_keys",),))
