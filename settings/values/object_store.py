"""Settings of the object store: buckets that the stack creates in a separate project, for what notebooks write."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.values.cloud import OpenStackProject
from settings.values.vocabulary import BucketName, ObjectName, Problem, Settings, Url


class Bucket(Settings):
    """A Swift container that the stack creates. Notebooks read and write `s3a://gaia-dmp-<stack>-<name>`."""

    name: Annotated[BucketName, Field(max_length=30, examples=["results"])]
    """Short name, unique in the stack."""

    on_destroy: Literal["keep", "delete"] = "keep"
    """What `pulumi destroy` does with it: `keep` leaves it and its objects on the cloud, `delete` removes both."""


class ObjectStoreSettings(OpenStackProject):
    """Buckets in a separate project that holds nothing else. The S3 key that notebooks get opens everything in this project and nothing
    else: Keystone issues such keys only to members of a project, and a member may do everything with its objects.
    """

    endpoint: Annotated[Url, Field(examples=["https://object.example.org"])]
    """Address of the site's S3 API, without a bucket."""

    s3_region: ObjectName = "us-east-1"
    """Region that requests are signed for: the `location` of Swift's s3api."""

    buckets: Annotated[tuple[Bucket, ...], Field(strict=False, min_length=1)]
    """The buckets, at least one."""

    def problems(self) -> Iterator[Problem]:
        names = [bucket.name for bucket in self.buckets]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Problem(("buckets", index, "name"), "is already the name of another bucket", "a unique name")
