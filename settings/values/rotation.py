"""Settings of rotation: generations of what the stack makes in secret."""

from typing import Annotated

from pydantic import Field

from settings.values.vocabulary import Settings


class RotationSettings(Settings):
    """Generations of secrets that the stack makes itself. One more, and the next `pulumi up` makes new ones. See docs/how-to/rotate.md."""

    ceph_keys: Annotated[int, Field(ge=1, le=9999)] = 1
    """Generation of the Ceph keys: another one is another Ceph id on every share, with a key of its own. Mounts are cut and made anew."""

    passwords: Annotated[int, Field(ge=1, le=9999)] = 1
    """Generation of the passwords of people and of the gate's cookie."""
