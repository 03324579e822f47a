"""Addresses outside the cluster: each of them needs an egress rule for the Pods that use it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from settings.values.dataset import S3Bucket
from settings.values.entry import NoEntry
from settings.values.login import LdapLogin
from settings.values.vocabulary import KeyPath, Problem
from settings.values.zeppelin import BackupBucket

if TYPE_CHECKING:
    from settings.stack import StackSettings


def problems(stack: "StackSettings") -> Iterator[Problem]:
    for path, who in _addresses(stack):
        if not stack.outside.leads_out(who):
            message = f"cannot be reached: there is no egress rule for {who}"
            yield Problem(path, message, f"an entry of outside.egress with who: [{who}]", (("outside", "egress"),))


def _addresses(stack: "StackSettings") -> Iterator[tuple[KeyPath, str]]:
    """Each setting that holds an address outside the cluster, and who must reach it."""
    for index, dataset in enumerate(stack.datasets):
        if isinstance(dataset.source, S3Bucket):
            yield ("datasets", index, "source", "endpoint"), "notebooks"
    if stack.object_store:
        yield ("object_store", "endpoint"), "notebooks"
    if stack.zeppelin.backup and isinstance(stack.zeppelin.backup.target, BackupBucket):
        yield ("zeppelin", "backup", "target", "endpoint"), "backup"
    if isinstance(stack.zeppelin.login, LdapLogin):
        yield ("zeppelin", "login", "url"), "server"
    if not isinstance(stack.entry, NoEntry) and stack.entry.gate:
        yield ("entry", "gate", "issuer_url"), "gate"
    if stack.monitoring and stack.monitoring.alerts:
        yield ("monitoring", "alerts", "url_secret"), "alerts"
