"""Small Pulumi programs under the recorder."""

import functools
import gc
import pickle
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_openstack as openstack
import pulumi_random as random
import pulumi_tls as tls

from components.kubernetes.namespace import NamespaceRef
from preview.run import record, record_with_fingerprints, run, stack_config
from recording import Mode, RecordedResource, Recording
from tests.support.stack_files import ROOT, text_of

MODES: tuple[Mode, ...] = ("preview", "update")


def record_component(program: Callable[[pulumi.ResourceOptions], Any], mode: Mode = "preview") -> Recording:
    """Run a program that gets options with explicit providers for every package that components use."""

    def with_providers() -> None:
        providers = [openstack.Provider("openstack"), kubernetes.Provider("kubernetes"), random.Provider("random"), tls.Provider("tls")]
        program(pulumi.ResourceOptions(providers=providers))

    return run(with_providers, "test", mode=mode, config={})


def only_by(kind: type[pulumi.ProviderResource], opts: pulumi.ResourceOptions) -> pulumi.ResourceOptions:
    """Options for a single resource by one kind of provider, from those that `record_component` hands over."""
    providers = opts.providers
    assert isinstance(providers, list)
    return pulumi.ResourceOptions(provider=next(p for p in providers if isinstance(p, kind)))


def namespace_ref(opts: pulumi.ResourceOptions, name: str = "ns") -> NamespaceRef:
    """A namespace without a pull secret, from the options that `record_component` hands over. name: its own and its resource's."""
    made = kubernetes.core.v1.Namespace(name, metadata={"name": name}, opts=only_by(kubernetes.Provider, opts))
    return NamespaceRef(name=name, resource=made, pull_secret=None)


def record_stack(stack: str, mode: Mode = "preview") -> Recording:
    """Record one of the real stacks."""
    return _copy(stack, mode, None)


def record_data(data: dict[str, Any], mode: Mode = "preview", stack: str = "x") -> Recording:
    """Record a stack that no committed file describes."""
    return _copy(stack, mode, text_of(data))


def record_for_review(data: dict[str, Any], stack: str = "dev") -> Recording:
    """Record a stack that no committed file describes, as `make diff` does it."""
    return _copy(stack, None, text_of(data))


def _copy(stack: str, mode: Mode | None, text: str | None) -> Recording:
    return pickle.loads(_recorded(stack, mode, text))


@functools.cache
def _recorded(stack: str, mode: Mode | None, text: str | None) -> bytes:
    """A pickled recording, made once in each process: every test changes its own copy.

    mode: None for one with fingerprints. text: of the stack file, or None for a committed one.
    """
    with tempfile.TemporaryDirectory() as folder:
        if text:
            (Path(folder) / f"Pulumi.{stack}.yaml").write_text(text, encoding="utf-8")
        config, secret_keys = stack_config(Path(folder) if text else ROOT, stack)
    if mode:
        recording = record(ROOT, stack, mode=mode, config=config, secret_keys=secret_keys)
    else:
        recording = record_with_fingerprints(ROOT, stack, config=config, secret_keys=secret_keys)
    # The SDK leaves 30,000 objects in circles. To take them away after each recording costs half of what a million of them at once do.
    gc.collect(0)
    return pickle.dumps(recording)


def only(recording: Recording, type_: str) -> RecordedResource:
    """The one resource of a type."""
    found = recording.of_type(type_)
    assert len(found) == 1, [resource.name for resource in found]
    return found[0]


def named(recording: Recording, name: str) -> RecordedResource:
    """The one custom resource of a name."""
    found = [resource for resource in recording.resources if resource.name == name and resource.custom]
    assert len(found) == 1, [resource.urn for resource in found]
    return found[0]
