"""Run a Pulumi program as the language host does, but under the recorder: no engine, no network, no credential."""

import asyncio
import hashlib
import json
import logging
import os
import runpy
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pulumi
from pulumi.runtime import resource as sdk
from pulumi.runtime.mocks import MockEngine, MockSettings
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.settings import configure, reset_options
from pulumi.runtime.stack import run_in_stack

from preview.recorder import Recorder
from recording import SECRET, UNKNOWN, Mode, Recording
from settings import PROJECT, load_file

PLACEHOLDER = "offline-placeholder"
"""Stands for a secret that no committed file holds. It is a secret like any other: the recording masks it."""


class _Loop(asyncio.SelectorEventLoop):
    """Runs a call at once in the thread that asks: the SDK hands each registration to a thread, and nothing here needs one."""

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future:  # noqa: ARG002 - asyncio's signature
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except BaseException as error:  # noqa: BLE001 - a future carries any error to the caller that awaits it
            future.set_exception(error)
        return future


def stack_config(root: Path, stack: str) -> tuple[dict[str, str], set[str]]:
    """The configuration of a stack file as the engine would hand it over, with a placeholder for every secret; and its secret keys.

    Raises settings.StackFileError where the stack file is wrong.
    """
    file = load_file(root, stack)
    return {**file.config, **dict.fromkeys(file.secret_keys, PLACEHOLDER)}, set(file.secret_keys)


def record(root: Path, stack: str, *, mode: Mode = "preview", config: Mapping[str, str], secret_keys: Collection[str] = ()) -> Recording:
    """Run `__main__.py` of `root` for one stack and return what it registered.

    config, secret_keys: what the engine would hand over (PULUMI_CONFIG, PULUMI_CONFIG_SECRET_KEYS).

    Raises pulumi.RunError where the program refuses, preview.recorder.ProgramError where the engine would.
    """
    return run(_program(root), stack, mode=mode, config=config, secret_keys=secret_keys)


def record_with_fingerprints(root: Path, stack: str, *, config: Mapping[str, str], secret_keys: Collection[str]) -> Recording:
    """As `record`, with fingerprints of what a preview cannot know: the program runs a second time, in update mode.

    config: of `stack_config`, which hands over a placeholder for every secret. Raises as `record` does.
    """
    recording = record(root, stack, config=config, secret_keys=secret_keys)
    recorder = Recorder(PROJECT, stack, "update")
    logger = _logger()
    # It says the same again.
    logger.disabled = True
    try:
        _run(_program(root), recorder, stack, config, secret_keys)
    finally:
        logger.disabled = False
    for resource in recording.resources:
        revealed = recorder.revealed.get(resource.urn, {})
        resource.fingerprints = {path: _fingerprint(revealed, path) for path in _hidden(resource.inputs)}
    return recording


def _hidden(value: Any, path: str = "") -> Iterator[str]:
    """The paths of what is masked or unknown."""
    if value in (UNKNOWN, SECRET):
        yield path
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _hidden(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _hidden(item, f"{path}[{index}]")


def _fingerprint(revealed: Mapping[str, Any], path: str) -> str:
    """A hash of what stands at a path; the same for everything that does not stand there."""
    value: Any = revealed
    # A key may hold any sign: the longest one that fits is meant.
    rest = path
    while rest and value is not None:
        if isinstance(value, list):
            index, _, rest = rest.removeprefix("[").partition("]")
            value = value[int(index)] if int(index) < len(value) else None
        elif isinstance(value, dict):
            key = max((key for key in value if rest == key or rest.startswith((f"{key}.", f"{key}["))), key=len, default=None)
            value, rest = (None, "") if key is None else (value[key], rest[len(key) :])
        else:
            value = None
        rest = rest.removeprefix(".")
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _program(root: Path) -> Callable[[], None]:
    def program() -> None:
        runpy.run_path(str(root / "__main__.py"), run_name="__main__")

    return program


def run(
    program: Callable[[], None], stack: str, *, mode: Mode = "preview", config: Mapping[str, str], secret_keys: Collection[str] = ()
) -> Recording:
    """Run any Pulumi program under the recorder; otherwise as `record`."""
    return _run(program, Recorder(PROJECT, stack, mode), stack, config, secret_keys)


def _run(program: Callable[[], None], recorder: Recorder, stack: str, config: Mapping[str, str], secret_keys: Collection[str]) -> Recording:
    mode = recorder.recording.mode
    with _environment(config, secret_keys), _without_stack_traces(), _runtime(recorder, stack, mode) as loop:
        try:
            loop.run_until_complete(run_in_stack(program))
        except Exception:
            # What the recorder refused comes back wrapped by the SDK: its own words are the better ones.
            recorder.finished()
            raise
    return recorder.finished()


@contextmanager
def _environment(config: Mapping[str, str], secret_keys: Collection[str]) -> Iterator[None]:
    """The engine's variables, for as long as the program runs. An Output in a text is an error, not a warning."""
    ours = {
        "PULUMI_CONFIG": json.dumps(dict(config)),
        "PULUMI_CONFIG_SECRET_KEYS": json.dumps(sorted(secret_keys)),
        "PULUMI_ERROR_OUTPUT_STRING": "1",
    }
    before = {key: os.environ.get(key) for key in ours}
    os.environ.update(ours)
    pulumi.runtime.set_all_config(dict(config), sorted(secret_keys))
    try:
        yield
    finally:
        pulumi.runtime.set_all_config({}, [])
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value


@contextmanager
def _without_stack_traces() -> Iterator[None]:
    """The SDK tells the engine the whole call stack of each resource, which takes a sixth of a recording and is in none."""
    before = sdk._get_stack_trace  # noqa: SLF001 - there is no setting for it (pulumi 3.260: runtime/resource.py)
    sdk._get_stack_trace = source_pb2.StackTrace  # noqa: SLF001
    try:
        yield
    finally:
        sdk._get_stack_trace = before  # noqa: SLF001


@contextmanager
def _runtime(recorder: Recorder, stack: str, mode: Mode) -> Iterator[asyncio.AbstractEventLoop]:
    """The SDK's process-wide runtime, pointed at the recorder, and an event loop of its own; both put back afterwards."""
    reset_options()
    configure(
        MockSettings(
            monitor=recorder,
            monitor_features=set(),
            engine=MockEngine(_logger()),
            project=PROJECT,
            stack=stack,
            dry_run=mode == "preview",
            organization="organization",
            callbacks=None,
        )
    )
    loop = _Loop()
    asyncio.set_event_loop(loop)
    try:
        yield loop
    finally:
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        if pending:
            loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.close()
        asyncio.set_event_loop(None)
        reset_options()


def _logger() -> logging.Logger:
    """Where `pulumi.info` and `pulumi.warn` of the program go: to the terminal, as the engine would show them."""
    logger = logging.getLogger("gaia-dmp.program")
    if not logger.handlers:
        logger.addHandler(logging.StreamHandler(sys.stderr))
        logger.propagate = False
        logger.setLevel(logging.INFO)
    # The SDK leaves futures behind where a program fails; asyncio would report each of them.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    return logger
