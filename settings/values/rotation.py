"""Settings of rotation: generations of the secrets that the stack creates."""

from typing import Annotated

from pydantic import Field

from settings.values.vocabulary import Settings


class RotationSettings(Settings):
    """Generations of the secrets that the stack creates. Raise one, and the next `pulumi up` creates new ones (docs/how-to/rotate.md)."""

    ceph_keys: Annotated[int, Field(ge=1, le=9999)] = 1
    """Generation of the Ceph keys. A new generation is a new Ceph id and key on every share; volumes are unmounted and mounted again."""

    passwords: Annotated[int, Field(ge=1, le=9999)] = 1
    """Generation of people's passwords and of the OIDC proxy's cookie secret."""
