"""One stack under the real Pulumi engine."""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pulumi.automation import CommandError, LocalWorkspace, OpType, Stack
from pulumi.automation.events import EngineEvent

from tests.cloud.openstack.program import copy_program, engine_environment
from tests.engine import processes
from tests.support.eventually import once
from tests.support.stack_files import ROOT


@dataclass
class Outcome:
    """What an operation did, or would do.

    ops: operation by name of the resource, without those that stay the same. planned: the same by urn.
    output: everything the engine printed. error: whether it failed.
    """

    ops: dict[str, str] = field(default_factory=dict)
    planned: dict[str, str] = field(default_factory=dict)
    output: str = ""
    error: bool = False


class Platform:
    """One stack.

    folder: of program and state. data: configuration, which a test may change between operations. source: where the program is from.
    """

    def __init__(self, clouds_yaml: Path, folder: Path, stack: str, data: Mapping[str, Any], source: Path = ROOT) -> None:
        self.folder, self.name, self.data = folder, stack, data
        self.environment = engine_environment(clouds_yaml, folder / "state")
        self.secrets: dict[str, str] = {}
        self.source = self.original = source

    def up(self, **options: Any) -> Outcome:
        return self._run(lambda stack, watch: stack.up(color="never", on_output=_nothing, on_event=watch, **options))

    def preview(self, **options: Any) -> Outcome:
        return self._run(lambda stack, watch: stack.preview(color="never", on_output=_nothing, on_event=watch, **options))

    def refresh(self, **options: Any) -> Outcome:
        return self._run(lambda stack, watch: stack.refresh(color="never", on_output=_nothing, on_event=watch, **options))

    def destroy(self) -> Outcome:
        """As `pulumi destroy` does it: a preview first, which the Automation API leaves out, and no deletion where that fails."""
        planned = self._run(lambda stack, watch: stack.preview_destroy(color="never", on_output=_nothing, on_event=watch))
        if planned.error:
            return planned
        return self._run(lambda stack, watch: stack.destroy(color="never", on_output=_nothing, on_event=watch))

    def outputs(self) -> dict[str, Any]:
        """Outputs of the stack, secrets in clear."""
        return {name: output.value for name, output in self.stack().outputs().items()}

    def ids(self) -> dict[str, str]:
        """Id of every custom resource in the state, by name of the resource."""
        return {urn.split("::")[-1]: identity for urn, identity in self.urns().items()}

    def urns(self) -> dict[str, str]:
        """The same, by urn."""
        resources = (self.stack().export_stack().deployment or {}).get("resources", [])
        return {each["urn"]: each["id"] for each in resources if each.get("id")}

    def stack(self) -> Stack:
        """The stack, with program and configuration as they are now."""
        copy_program(self.folder, self.name, self.data, self.source)
        workspace = LocalWorkspace(work_dir=str(self.folder), env_vars=self.environment)
        stack = Stack.create_or_select(self.name, workspace)
        for key, value in self.secrets.items():
            command = ["pulumi", "config", "set", "--secret", "--stack", self.name, key]
            subprocess.run(
                command, input=value, text=True, cwd=self.folder, env=os.environ | self.environment, check=True, capture_output=True
            )
        return stack

    def interrupted_up(self, when: Callable[[], bool]) -> Outcome:
        """`pulumi up` that gets a SIGINT, as Ctrl-C sends it, as soon as `when` holds."""
        # A terminal sends it to everybody: engine, program, plug-ins.
        return self._stopped(["up", "--yes"], when, lambda process: os.killpg(process.pid, signal.SIGINT))

    def killed(self, when: Callable[[], bool], operation: str = "up", *, everything: bool = False) -> Outcome:
        """`pulumi up`, `refresh` or `destroy`, whose engine is killed as soon as `when` holds.

        everything: whether its plug-ins and the program are killed as well, as by a power cut. Otherwise they finish what they are about.
        """

        def how(process: subprocess.Popen[str]) -> None:
            processes.kill(processes.below(process.pid) if everything else [process.pid])

        outcome = self._stopped([operation, "--yes", "--skip-preview"], when, how)
        # docs/runbooks/state-locked.md: a file back end's note beside the state, cut off.
        note = self.folder / "state" / ".pulumi" / "stacks" / "gaia-dmp" / f"{self.name}.json.attrs"
        if note.exists() and not note.stat().st_size:
            note.unlink()
        self.command("cancel", "--yes")
        return outcome

    def end_plugins(self) -> None:
        """Kill what killed engines have left: their plug-ins wait for ever."""
        processes.kill(processes.within(self.folder))

    def command(self, *words: str) -> str:
        """What `pulumi <words>` of this stack prints. An end with an error is an error."""
        command = ["pulumi", *words, "--stack", self.name, "--non-interactive", "--color", "never"]
        done = subprocess.run(
            command, cwd=self.folder, env=os.environ | self.environment, capture_output=True, text=True, check=False, timeout=500
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def plain(self, *words: str, **environment: str) -> Outcome:
        """`pulumi <words>` of this stack as somebody types it, with the program as it is now. The stack must be there."""
        copy_program(self.folder, self.name, self.data, self.source)
        command = ["pulumi", *words, "--stack", self.name, "--non-interactive", "--color", "never"]
        done = subprocess.run(
            command, cwd=self.folder, env=os.environ | self.environment | environment,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=500,
        )  # fmt: skip
        return Outcome(output=done.stdout, error=done.returncode != 0)

    def pending(self) -> dict[str, str]:
        """What the engine has noted that it is doing, by name of the resource: `creating`, `deleting`. Read while it works."""
        file = self.folder / "state" / ".pulumi" / "stacks" / "gaia-dmp" / f"{self.name}.json"
        try:
            deployment = json.loads(file.read_text())["checkpoint"]["latest"] or {}
        except (FileNotFoundError, ValueError):
            return {}
        return {each["resource"]["urn"].split("::")[-1]: each["type"] for each in deployment.get("pending_operations") or []}

    def _stopped(self, words: list[str], when: Callable[[], bool], how: Callable[[subprocess.Popen[str]], None]) -> Outcome:
        """An operation that is stopped as soon as `when` holds."""
        self.stack()
        command = ["pulumi", *words, "--non-interactive", "--color", "never", "--stack", self.name]
        with (
            subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | self.environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            ) as process,
            once(when, lambda: how(process)),
        ):
            output, _ = process.communicate(timeout=500)
        return Outcome(output=output, error=process.returncode != 0)

    def _run(self, operation: Callable[[Stack, Callable[[EngineEvent], None]], Any]) -> Outcome:
        outcome = Outcome()

        def watch(event: EngineEvent) -> None:
            step = event.resource_pre_event and event.resource_pre_event.metadata
            # What is adopted by its id is read each time, which changes nothing.
            if step and step.op not in {OpType.SAME, OpType.READ}:
                name = step.urn.split("::")[-1]
                # A replacement comes as three steps; the one that names it counts.
                if outcome.ops.get(name) != "replace":
                    outcome.ops[name] = OpType(step.op).value
                if outcome.planned.get(step.urn) != "replace":
                    outcome.planned[step.urn] = OpType(step.op).value

        try:
            result = operation(self.stack(), watch)
        except CommandError as error:
            outcome.error, outcome.output = True, str(error)
        else:
            outcome.output = result.stdout + result.stderr
        return outcome


def _nothing(_line: str) -> None:
    """Output is read when all is done."""
