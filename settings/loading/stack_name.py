"""The name of a stack, which becomes a part of names on the cloud and in the cluster."""

import re
from collections.abc import Iterator

from settings.loading.refusal import Finding
from settings.stack import StackSettings
from settings.values.dataset import CreatedShare
from settings.values.login import slug
from settings.values.own_share import OwnShare
from settings.values.vocabulary import PROJECT

LONGEST = 63 - len(f"{PROJECT}-")
"""A label of Kubernetes has at most 63 characters, and every namespace has one that says `gaia-dmp-<stack>`."""

LONGEST_BUCKET = 63
ACCEPTED = f"lower-case letters, digits, dashes and dots, a letter or digit at both ends, at most {LONGEST} characters"


def of_file(file: str) -> str:
    """The stack of a file `Pulumi.<stack>.yaml`."""
    return file.removeprefix("Pulumi.").removesuffix(".yaml")


def name_findings(stack: str) -> Iterator[Finding]:
    """What is wrong with the name itself. The API server would refuse it, but only after the cluster has been created."""
    # A DNS-1123 subdomain: the names of admission policies begin with it.
    if len(stack) > LONGEST or not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", stack):
        yield Finding("stack", "must be a name that Kubernetes accepts: objects in the cluster are named after it", ACCEPTED, stack)


def bucket_findings(stack: str, settings: StackSettings) -> Iterator[Finding]:
    """What is wrong with the names of buckets, which begin with the name of the stack."""
    for index, bucket in enumerate(settings.object_store.buckets if settings.object_store else ()):
        title = f"{PROJECT}-{stack}-{bucket.name}"
        key = f"{PROJECT}:object_store.buckets[{index}].name"
        if len(title) > LONGEST_BUCKET:
            yield Finding(
                key,
                f"gives the bucket name {title}, which has {len(title)} characters",
                f"a name of at most {LONGEST_BUCKET} characters in all",
                bucket.name,
            )
        if "." in stack:
            yield Finding(
                key, f"gives the bucket name {title}: a dot in it breaks HTTPS and Spark's settings", "a stack without a dot", bucket.name
            )


def share_findings(stack: str, settings: StackSettings) -> Iterator[Finding]:
    """Shares that a stack both makes and adopts, by their names. What it adopts goes with what it makes, and the data with it."""
    made = dict(_made_shares(stack, settings))
    for key, *share in settings.adopted_shares():
        if tuple(share) in made:
            accepted = "a share that this stack does not make, or no value"
            yield Finding(f"{PROJECT}:{key}", f"is the share that this stack makes for {made[tuple(share)]}", accepted, share[1])


def _made_shares(stack: str, settings: StackSettings) -> Iterator[tuple[tuple[str, ...], str]]:
    """(project, name on the cloud) of each share that a stack makes, to what it is for."""
    title = f"{PROJECT}-{stack}"
    for index, dataset in enumerate(settings.datasets):
        if isinstance(dataset.source, CreatedShare):
            yield (dataset.source.project, f"{title}-{dataset.name}"), f"datasets[{index}]"
    spaces = settings.zeppelin.user_space
    for path, home in settings.homes().items():
        if isinstance(home, OwnShare) and home is not spaces:
            name = "backup" if path[-1] == "target" else path[-1]
            yield ("compute", f"{title}-{name}"), ".".join(map(str, path))
    if isinstance(spaces, OwnShare):
        for login in settings.spaces_gib().keys() - settings.adopted_spaces().keys():
            yield ("compute", f"{title}-user-{slug(login)}"), f"/user/{login}"
