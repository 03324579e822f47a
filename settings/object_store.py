"""Settings of the object store: buckets that the stack makes for what notebooks write."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.vocabulary import BucketName, ObjectName, Problem, Settings, Url


class Bucket(Settings):
    """A Swift container that the stack makes. Notebooks read and write `s3a://gaia-dmp-<stack>-<name>`."""

    name: Annotated[BucketName, Field(max_length=30, examples=["results"])]
    """Short name, unique in the stack."""

    on_destroy: Literal["keep", "delete"] = "keep"
    """What `pulumi destroy` does to it: `keep` leaves it and its objects on the cloud, `delete` removes both."""


class ObjectStoreSettings(Settings):
    """Buckets of the compute project, and the user who reaches them and nothing else."""

    clouds_yaml: Annotated[ObjectName, Field(examples=["iris-gaia-red-s3"])]
    """Name of the entry in clouds.yaml of a user of the compute project who may do nothing in Swift by role (`reader`, not `member`). The
    S3 key is this user's, so that it opens the buckets below and nothing else."""

    endpoint: Annotated[Url, Field(examples=["https://object.example.org"])]
    """Address of the site's S3 API, without a bucket."""

    region: ObjectName = "us-east-1"
    """Region that requests are signed for: the `location` of Swift's s3api."""

    buckets: Annotated[tuple[Bucket, ...], Field(strict=False, min_length=1)]
    """The buckets, at least one."""

    def problems(self) -> Iterator[Problem]:
        names = [bucket.name for bucket in self.buckets]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Problem(("buckets", index, "name"), "is the name of another bucket too", "a name of its own")
