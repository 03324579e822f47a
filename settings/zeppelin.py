"""Settings of Zeppelin: the server's size, the notebooks' home, its people, the languages of notebooks."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.login import LocalLogin, Login, Person, people_problems
from settings.vocabulary import Cores, GiB, Name, ObjectName, Problem, Settings


class NotebookShare(Settings):
    """Notebooks and Zeppelin's configuration on a Manila share of their own, which outlives the cluster."""

    kind: Literal["share"]
    """A Manila share of their own."""

    size_gib: Annotated[GiB, Field(examples=[20])] = 20
    """Quota of the share, in GiB."""

    share_type: ObjectName | None = None
    """The operator's name for a share type that serves native CephFS; by default the site's."""

    on_destroy: Literal["keep", "delete"] = "keep"
    """What `pulumi destroy` does to the share: `keep` leaves it and its notebooks on the cloud, `delete` removes both."""


class NotebookVolume(Settings):
    """Notebooks and Zeppelin's configuration on a volume that a storage class makes. It ends with the cluster."""

    kind: Literal["storage_class"]
    """A volume made by a storage class of the cluster."""

    name: Annotated[ObjectName, Field(examples=["csi-cinder"])] | None = None
    """Name of the storage class; by default the cluster's default class."""

    size_gib: Annotated[GiB, Field(examples=[20])] = 20
    """Size of the volume, in GiB."""


Interpreter = Literal["python", "md", "sh", "jdbc"]
"""Interpreter groups of Zeppelin that a stack may allow. All run in Pods of their own, without a token."""


class ZeppelinSettings(Settings):
    """The Zeppelin server."""

    notebooks: Annotated[NotebookShare | NotebookVolume, Field(discriminator="kind")]
    """Where notebooks and Zeppelin's own configuration live: share or storage_class."""

    administrator: Annotated[Name, Field(max_length=20)] = "admin"
    """Login name of the administrator who is always there with login local; the password is made by the stack, as those of people are."""

    login: Login = LocalLogin(kind="local")
    """How people prove who they are: local or ldap."""

    people: Annotated[tuple[Person, ...], Field(strict=False, max_length=300)] = ()
    """Who works here, one line a person. With login local nobody else can log in, beside the administrator. With login ldap these have
    limits of their own, and everybody else whom the directory knows shares the stack's."""

    interpreters: Annotated[tuple[Interpreter, ...], Field(strict=False)] = ("python", "md")
    """Languages of notebooks beside spark: python, md (Markdown), sh (a shell in a Pod), jdbc."""

    cores: Cores = 2
    """Processor cores of the server."""

    memory_gib: Annotated[int, Field(ge=2, le=256)] = 4
    """Memory of the server, in GiB; three quarters of it are the JVM's heap."""

    start_timeout_seconds: Annotated[int, Field(ge=60, le=7200)] = 900
    """Seconds that an interpreter's Pod may wait for a node and its images: a new node of an autoscaled pool takes minutes. What does not
    run by then is given up."""

    def problems(self) -> Iterator[Problem]:
        yield from people_problems(self.people, self.administrator)
