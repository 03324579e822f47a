"""Settings of Zeppelin: the server's size, where notebooks are kept, its people, and the languages of notebooks."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.values.dataset import Project
from settings.values.login import LocalLogin, Login, Person, people_problems
from settings.values.own_share import OwnShare, RestingShare
from settings.values.vocabulary import BucketName, ConfigKey, Cores, GiB, Name, ObjectName, Problem, Schedule, Settings, Url


class NotebookShare(OwnShare):
    """Notebooks and Zeppelin's configuration on their own Manila share, which outlives the cluster."""

    size_gib: Annotated[GiB, Field(examples=[20])] = 20
    """Quota of the share, in GiB. It may grow, in place."""


class AdoptedNotebooks(Settings):
    """Notebooks and Zeppelin's configuration on an existing share, such as one that an earlier `pulumi destroy` kept."""

    kind: Literal["adopt"]
    """An existing share."""

    share: Annotated[ObjectName, Field(examples=["gaia-dmp-prod-notebooks"])]
    """Name of the share, if it is unique in its project, or id of the share."""

    project: Project = "compute"
    """The project that owns the share: `compute` or `data`."""


class NotebookVolume(Settings):
    """Notebooks and Zeppelin's configuration on a volume of a storage class. It is deleted with the cluster."""

    kind: Literal["storage_class"]
    """A volume of a storage class of the cluster."""

    name: Annotated[ObjectName, Field(examples=["csi-cinder"])] | None = None
    """Name of the storage class; by default the cluster's default class."""

    size_gib: Annotated[GiB, Field(examples=[20])] = 20
    """Size of the volume, in GiB."""


class PersonShares(OwnShare):
    """`/user/<name>` for everybody in `people`: one Manila share each, with a quota that Ceph enforces. Only its owner can write to it."""

    size_gib: Annotated[GiB, Field(examples=[10])] = 10
    """Quota of each share, in GiB, unless `people[].space_gib` sets another. It may grow, in place."""

    on_destroy: Literal["keep", "delete"] = "keep"
    """What happens to a share when the stack is destroyed or its owner leaves `people`: `keep` leaves it on the cloud. For people who
    leave for a time there is `people[].state: away`."""


class PersonVolumes(Settings):
    """`/user/<name>` for everybody in `people`: one volume of a storage class each. It is deleted with the cluster."""

    kind: Literal["storage_class"]
    """One volume of a storage class per person."""

    name: Annotated[ObjectName, Field(examples=["csi-manila-cephfs"])] | None = None
    """Name of the storage class; by default the cluster's default class. Several nodes must be able to write to its volumes."""

    size_gib: Annotated[GiB, Field(examples=[10])] = 10
    """Size of each volume, in GiB, unless `people[].space_gib` sets another."""


class BackupShare(RestingShare):
    """Backups on their own Manila share, which no notebook mounts."""

    size_gib: Annotated[GiB, Field(examples=[50])] = 50
    """Quota of the share, in GiB. It may grow, in place."""


class BackupBucket(Settings):
    """Backups in a bucket of any S3 server, with a key that no notebook has."""

    kind: Literal["bucket"]
    """A bucket of any S3 server."""

    endpoint: Annotated[Url, Field(examples=["https://object.example.org"])]
    """Address of the S3 server. It needs an egress rule for `backup` in `outside.egress`."""

    bucket: Annotated[BucketName, Field(examples=["gaia-dmp-backup"])]
    """Name of an existing bucket."""

    prefix: Annotated[str, Field(pattern=r"^[^/\s]\S*[^/\s]$", max_length=200, examples=["prod"])] | None = None
    """Path of the backups in the bucket; by default gaia-dmp-<stack>."""

    region: ObjectName = "us-east-1"
    """Region that requests are signed for. Most servers other than Amazon's accept any."""

    access_key_secret: Annotated[ConfigKey, Field(examples=["backup-access-key"])]
    """Name of the config key that holds the access key."""

    secret_key_secret: Annotated[ConfigKey, Field(examples=["backup-secret-key"])]
    """Name of the config key that holds the secret key."""


Kept = Annotated[int, Field(ge=0, le=1000)]


class Retention(Settings):
    """How many backups are kept: the newest ones, and the newest of each of the last days, weeks and months."""

    last: Annotated[int, Field(ge=1, le=1000)] = 3
    """Number of the newest backups, whatever their age."""

    daily: Kept = 14
    """Number of days of which the newest backup is kept."""

    weekly: Kept = 8
    """Number of weeks of which the newest backup is kept."""

    monthly: Kept = 24
    """Number of months of which the newest backup is kept."""


class Backup(Settings):
    """Encrypted restic backups of notebooks, their git history and Zeppelin's configuration."""

    target: Annotated[BackupShare | BackupBucket, Field(discriminator="kind")]
    """Where backups are stored: share or bucket."""

    password_secret: Annotated[ConfigKey, Field(examples=["backup-password"])]
    """Name of the config key that holds the encryption password. Without the password nobody can read a backup, so keep a copy outside of
    the stack."""

    schedule: Schedule = "17 * * * *"
    """When a backup is made, as a cron schedule in UTC; by default every hour."""

    keep: Retention = Retention()
    """How many backups are kept."""


Interpreter = Literal["python", "md", "sh", "jdbc"]
"""Interpreter groups of Zeppelin that a stack may allow. Each runs in its own Pod, without a token."""


class ZeppelinSettings(Settings):
    """The Zeppelin server."""

    notebooks: Annotated[NotebookShare | AdoptedNotebooks | NotebookVolume, Field(discriminator="kind")]
    """Where notebooks and Zeppelin's own configuration are kept: share, adopt or storage_class."""

    backup: Backup | None = None
    """Backups of notebooks; none by default."""

    user_space: Annotated[PersonShares | PersonVolumes, Field(discriminator="kind")] | None = None
    """`/user/<name>` for everybody in `people` and the administrator: share or storage_class; none by default."""

    administrator: Annotated[Name, Field(max_length=20)] = "admin"
    """Login name of the administrator who always exists with a local login. The stack generates this password like those of `people`."""

    login: Login = LocalLogin(kind="local")
    """How people log in: local or ldap."""

    people: Annotated[tuple[Person, ...], Field(strict=False, max_length=2000)] = ()
    """The users, one line per person. With a local login, only they and the administrator can log in. With an LDAP login, they have their
    own limits, and everybody else in the directory shares the limits of the stack."""

    interpreters: Annotated[tuple[Interpreter, ...], Field(strict=False)] = ("python", "md")
    """Languages of notebooks besides Spark: python, md (Markdown), sh (a shell in a Pod), jdbc."""

    cores: Cores = 2
    """Processor cores that the server may use. It requests a quarter of them, because it mostly waits."""

    memory_gib: Annotated[int, Field(ge=2, le=256)] = 4
    """Memory of the server, in GiB; three quarters of it are the JVM's heap."""

    standby: bool = False
    """Whether the server is off because another stack serves the same notebooks: true or false."""

    start_timeout_seconds: Annotated[int, Field(ge=60, le=7200)] = 900
    """Seconds that an interpreter's Pod may wait for a node and its images before Zeppelin gives up. A new node of an autoscaled pool takes
    minutes."""

    def problems(self) -> Iterator[Problem]:
        yield from people_problems(self.people, self.administrator)
