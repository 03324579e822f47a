"""Settings of Zeppelin: the server's size, the notebooks' home, its people, the languages of notebooks."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.values.dataset import Project
from settings.values.login import LocalLogin, Login, Person, people_problems
from settings.values.own_share import OwnShare
from settings.values.vocabulary import BucketName, ConfigKey, Cores, GiB, Name, ObjectName, Problem, Schedule, Settings, Url


class NotebookShare(OwnShare):
    """Notebooks and Zeppelin's configuration on a Manila share of their own, which outlives the cluster."""

    size_gib: Annotated[GiB, Field(examples=[20])] = 20
    """Quota of the share, in GiB. It may grow, in place."""


class AdoptedNotebooks(Settings):
    """Notebooks and Zeppelin's configuration on a share that exists, such as one that an earlier `pulumi destroy` kept."""

    kind: Literal["adopt"]
    """A share that exists."""

    share: Annotated[ObjectName, Field(examples=["gaia-dmp-prod-notebooks"])]
    """Name of the share, unique in its project; or its id."""

    project: Project = "compute"
    """Whose share it is: that of the `compute` project or of the `data` project."""


class NotebookVolume(Settings):
    """Notebooks and Zeppelin's configuration on a volume that a storage class makes. It ends with the cluster."""

    kind: Literal["storage_class"]
    """A volume made by a storage class of the cluster."""

    name: Annotated[ObjectName, Field(examples=["csi-cinder"])] | None = None
    """Name of the storage class; by default the cluster's default class."""

    size_gib: Annotated[GiB, Field(examples=[20])] = 20
    """Size of the volume, in GiB."""


class PersonShares(OwnShare):
    """`/user/<name>` for everybody of `people`: a Manila share each, with a quota that Ceph holds, writable for that person alone."""

    size_gib: Annotated[GiB, Field(examples=[10])] = 10
    """Quota of each share, in GiB; `people[].space_gib` gives a person another. It may grow, in place."""

    on_destroy: Literal["keep", "delete"] = "keep"
    """What happens to a share when the stack is destroyed or its person is taken off the list: `keep` leaves it on the cloud."""


class PersonVolumes(Settings):
    """`/user/<name>` for everybody of `people`: a volume each, that a storage class makes. It ends with the cluster."""

    kind: Literal["storage_class"]
    """A volume for each person, made by a storage class of the cluster."""

    name: Annotated[ObjectName, Field(examples=["csi-manila-cephfs"])] | None = None
    """Name of the storage class; by default the cluster's default class. Its volumes must be writable from many nodes."""

    size_gib: Annotated[GiB, Field(examples=[10])] = 10
    """Size of each volume, in GiB; `people[].space_gib` gives a person another."""


class BackupShare(OwnShare):
    """Backups on a Manila share of their own, which no notebook mounts."""

    size_gib: Annotated[GiB, Field(examples=[50])] = 50
    """Quota of the share, in GiB. It may grow, in place."""


class BackupBucket(Settings):
    """Backups in a bucket of any S3 server, by a key that no notebook has."""

    kind: Literal["bucket"]
    """A bucket of any S3 server."""

    endpoint: Annotated[Url, Field(examples=["https://object.example.org"])]
    """Address of the S3 server. Let `outside.egress` lead `backup` there."""

    bucket: Annotated[BucketName, Field(examples=["gaia-dmp-backup"])]
    """Name of the bucket, which exists."""

    prefix: Annotated[str, Field(pattern=r"^[^/\s]\S*[^/\s]$", max_length=200, examples=["prod"])] | None = None
    """Where in the bucket the backups are; by default gaia-dmp-<stack>."""

    region: ObjectName = "us-east-1"
    """Region that requests are signed for; most servers other than Amazon's take any."""

    access_key_secret: Annotated[ConfigKey, Field(examples=["backup-access-key"])]
    """Name of the config key that holds the access key."""

    secret_key_secret: Annotated[ConfigKey, Field(examples=["backup-secret-key"])]
    """Name of the config key that holds the secret key."""


Kept = Annotated[int, Field(ge=0, le=1000)]


class Retention(Settings):
    """How many backups stay: the newest of each of the last so many hours, days, weeks, months."""

    last: Annotated[int, Field(ge=1, le=1000)] = 3
    """The newest, whatever their age."""

    daily: Kept = 14
    """Days."""

    weekly: Kept = 8
    """Weeks."""

    monthly: Kept = 24
    """Months."""


class Backup(Settings):
    """Encrypted backups of notebooks, their git history and Zeppelin's configuration, by restic."""

    target: Annotated[BackupShare | BackupBucket, Field(discriminator="kind")]
    """Where they go: share or bucket."""

    password_secret: Annotated[ConfigKey, Field(examples=["backup-password"])]
    """Name of the config key that holds the password they are encrypted by. Without it nobody reads them: keep it
    outside the stack as well."""

    schedule: Schedule = "17 * * * *"
    """When, in UTC; by default every hour."""

    keep: Retention = Retention()
    """How many stay."""


Interpreter = Literal["python", "md", "sh", "jdbc"]
"""Interpreter groups of Zeppelin that a stack may allow. All run in Pods of their own, without a token."""


class ZeppelinSettings(Settings):
    """The Zeppelin server."""

    notebooks: Annotated[NotebookShare | AdoptedNotebooks | NotebookVolume, Field(discriminator="kind")]
    """Where notebooks and Zeppelin's own configuration live: share, adopt or storage_class."""

    backup: Backup | None = None
    """Backups of them; none by default."""

    user_space: Annotated[PersonShares | PersonVolumes, Field(discriminator="kind")] | None = None
    """`/user/<name>` for everybody of `people` and the administrator: share or storage_class; none by default."""

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
    """Processor cores that the server may use. It requests a quarter of them, because it mostly waits."""

    memory_gib: Annotated[int, Field(ge=2, le=256)] = 4
    """Memory of the server, in GiB; three quarters of it are the JVM's heap."""

    standby: bool = False
    """true while another stack serves the same notebooks: the server does not run, and nothing writes them. true or false."""

    start_timeout_seconds: Annotated[int, Field(ge=60, le=7200)] = 900
    """Seconds that an interpreter's Pod may wait for a node and its images: a new node of an autoscaled pool takes minutes. What does not
    run by then is given up."""

    def problems(self) -> Iterator[Problem]:
        yield from people_problems(self.people, self.administrator)
