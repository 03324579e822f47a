"""Closes interpreters that Zeppelin believes in and that are not there, and ends those that are there and that it has forgotten.

Zeppelin keeps what it has started even where the start was refused (a quota), or where the process was killed without a word (memory):
every later paragraph then fails with "Interpreter process is not running", until somebody restarts the interpreter by hand (zeppelin:
interpreter/ManagedInterpreterGroup.java, getOrCreateInterpreterProcess, 0.12.1). What was started stands in a log of that class alone
(log4j.properties); what is there, the Kubernetes API tells; it is closed by the call that an interpreter makes when it ends by itself.

The other way round, a server that was restarted knows a running interpreter only from its next paragraph on; until then "restart" answers
"ok" and ends nothing (InterpreterSetting.closeInterpreters). Its Pod is deleted here: one of the very setting, person and notebook, so
that nobody ends another's. The gateway lets no line break into what Zeppelin logs (access/files/gateway-spark-ui.js, restart).

Why one was lost that had run is written down for the filter of the RPC, which tells the person (rpc_filter.py). While one is closed, its
person's paragraphs wait (closing.py).

Runs beside the server, in the Zeppelin image (Python 3.7). Arguments: folder of the log, namespace of interpreters, port of the RPC,
folder of what was lost.
"""

import contextlib
import glob
import hashlib
import os
import re
import signal
import socket
import struct
import sys
import time

import closing
from interpreter_pods import FAULTS, InterpreterPods, group_of, is_there, setting_of

STARTED = re.compile(r"Create InterpreterProcess for InterpreterGroup: (.+)")
RESTART = re.compile(r'Restart interpreterSetting (\S+), msg=\{"noteId":"(\w+)"\}, user=(.+)')
CALL = 0x80010001
"""Version and kind of a Thrift message that asks."""
EVERY = 5
GRACE = 60
"""Seconds from the line in the log until a Pod that was not refused is surely there."""
SECONDS = 60
AT_ONCE = 5
"""How many interpreters are closed between two looks."""
KEPT = 200
"""How many losses wait for a person who comes back."""
WHY = {
    "OOMKilled": "it took more memory than its Pod may have",
    "Evicted": "it wrote more than its disk holds, or its node ran short of something",
    "Error": "it failed, or was killed",
    "Completed": "it was idle for too long, or ended itself",
    None: "it was restarted, was idle for too long, or went with its node",
}
"""What ended an interpreter, as the person is told. None: its Pod is not there any more."""


class Log:
    """What was written since the last look. A file that has become smaller was begun anew: by a new server, or because it was full."""

    def __init__(self, folder):
        self._folder, self._read = folder, {}

    def look(self):
        """New lines in order, and whether the log was begun anew."""
        found, anew = [], False
        for path in sorted(glob.glob(self._folder + "/*.log")):
            begin = self._read.get(path, 0)
            if os.path.getsize(path) < begin:
                begin, anew = 0, True
            with open(path, "rb") as file:
                file.seek(begin)
                text = file.read()
            # A line that is half written is read whole the next time.
            whole = text[: text.rfind(b"\n") + 1]
            self._read[path] = begin + len(whole)
            found += whole.decode("utf-8", "replace").split("\n")[:-1]
        return found, anew


class Interpreters:
    """What the server has started, and what it shall restart without knowing of it.

    started: group to when it was started, and Pods that had ended by then: they are its predecessors'. forgotten: setting, person and
    notebook of each restart that is still to be done.
    """

    def __init__(self):
        self.started, self.forgotten, self._held = {}, set(), set()

    def hear(self, lines, anew, pods, now):
        """Take in what the server logs. anew: whether it may have forgotten what it has started."""
        if anew:
            self._held.clear()
        for line in lines:
            start, restart = STARTED.fullmatch(line), RESTART.fullmatch(line)
            if start:
                self.started[start.group(1)] = (now, of_ended(pods))
                self._held.add(start.group(1))
                # Whoever runs a paragraph after a restart has what they asked for.
                self.forgotten = {each for each in self.forgotten if group_named(*each) != start.group(1)}
            elif restart:
                setting, note, person = restart.groups()
                if group_named(setting, person, note) not in self._held:
                    self.forgotten.add((setting, person, note))


def group_named(setting, person, note):
    """zeppelin: InterpreterSetting.getInterpreterGroupId, 0.12.1."""
    return f"{setting}-{person}-{note}"


def close(port, group):
    """Tell the server that an interpreter has ended, and wait until it has taken that in. Raises OSError."""
    name, words = b"unRegisterInterpreterProcess", group.encode()
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        head = struct.pack(">II", CALL, len(name)) + name + struct.pack(">I", 1)
        connection.sendall(head + struct.pack(">BHI", 11, 1, len(words)) + words + b"\0")
        connection.recv(65536)


def of_ended(pods):
    """Which Pods have ended."""
    return {pod["metadata"]["uid"] for pod in pods if pod["status"].get("phase") in ("Succeeded", "Failed")}


def of_running(pods):
    """Interpreter groups that have a Pod which runs."""
    return {group_of(pod) for pod in pods if pod["status"].get("phase") == "Running"}


def settings_by_group(pods):
    """The setting of each interpreter group, or None where Pods of two settings have one name of a group."""
    found = {}
    for pod in pods:
        found.setdefault(group_of(pod), set()).add(setting_of(pod))
    return {group: settings.pop() if len(settings) == 1 else None for group, settings in found.items()}


def lost(known, pods, now):
    """Groups that are not there, each with a reason. known: group to when it was started, and Pods that had ended by then: they are
    those of its predecessors."""
    phases, reasons = {}, {}
    for pod in pods:
        group = group_of(pod)
        if group not in known or pod["metadata"]["uid"] in known[group][1]:
            continue
        phases.setdefault(group, set()).add(pod["status"].get("phase"))
        ends = [each.get("state", {}).get("terminated") for each in pod["status"].get("containerStatuses") or []]
        said = [pod["status"].get("reason")] + [each.get("reason") for each in ends if each]
        reasons[group] = ", ".join(word for word in said if word)
    found = {}
    for group, (since, _) in known.items():
        if phases.get(group, set()) & {"Pending", "Running", "Unknown"}:
            continue
        if group in phases:
            found[group] = "has ended: " + (reasons[group] or "no reason is known")
        elif now - since > GRACE:
            found[group] = "has no Pod"
    return found


def sentence(reason):
    """What a person is told of the interpreter that they had. reason: as `lost` gives it."""
    ended = None if reason == "has no Pod" else reason.partition(": ")[2]
    why = next((words for word, words in WHY.items() if word and word in (ended or "")), None)
    return "Variables are gone, the interpreter has ended: {}.".format(why or (f"its Pod says {ended}" if ended else WHY[None]))


def write_down(folder, group, words):
    """Leave it for whoever tells the person, whole from the first moment, under a name of one length. The oldest make room."""
    path = os.path.join(folder, hashlib.sha256(group.encode()).hexdigest())
    with open(path + ".new", "w") as file:
        file.write(words)
    os.replace(path + ".new", path)
    # What is told or closed just now goes at any moment.
    with contextlib.suppress(FileNotFoundError):
        known = [os.path.join(folder, name) for name in os.listdir(folder) if "." not in name and not name.startswith("closing-")]
        for old in sorted(known, key=os.path.getmtime)[:-KEPT]:
            os.unlink(old)


def running(setting, group, pods):
    """Names of the Pods of a group that have not ended. setting: its own, because a group's name can be read in two ways."""
    return [pod["metadata"]["name"] for pod in pods if is_there(pod) and (setting_of(pod), group_of(pod)) == (setting, group)]


class Watch:
    """What is done again and again."""

    def __init__(self, arguments, environment):
        self._log, self._pods = Log(arguments[0]), InterpreterPods(arguments[1], environment)
        self._port, self._told = int(arguments[2]), arguments[3]
        self._known, self._ran, self._settings, self._first = Interpreters(), set(), {}, True

    def look(self):
        """Raises one of FAULTS."""
        # Pods first: whatever is started after this look is known before it is judged.
        pods, now = self._pods.list(), time.monotonic()
        lines, anew = self._log.look()
        self._known.hear(lines, anew, pods, now)
        if self._first:
            # What was asked for before this program began is over.
            self._known.forgotten.clear()
            self._first = False
        self._ran |= of_running(pods)
        self._settings = {group: setting for group, setting in self._settings.items() if group in self._known.started}
        self._settings.update(settings_by_group(pods))
        self._close(lost(self._known.started, pods, now))
        for setting, person, note in sorted(self._known.forgotten):
            group = group_named(setting, person, note)
            names = running(setting, group, pods)
            for name in names:
                self._pods.delete(name)
            self._known.forgotten.remove((setting, person, note))
            print(f"{group} was to be restarted, and the server had forgotten it: {names or 'no Pod'} deleted", flush=True)

    def _close(self, groups):
        if not groups:
            return
        # Few at once, because each takes seconds, and whoever restarts one meanwhile has a new one.
        groups = dict(list(groups.items())[:AT_ONCE])
        marks = {}
        try:
            for group in groups:
                marks[group] = closing.begin(self._told, group, self._settings.get(group))
            time.sleep(closing.MOMENT)
            for group, reason in groups.items():
                for mark in marks.values():
                    closing.go_on(mark)
                self._close_one(group, reason)
                closing.end(marks.pop(group))
        finally:
            for mark in marks.values():
                closing.end(mark)

    def _close_one(self, group, reason):
        since = self._known.started.pop(group)
        try:
            close(self._port, group)
        except OSError as problem:
            # It is tried again, after the others.
            self._known.started[group] = since
            print(f"{group} cannot be closed: {problem!r}", file=sys.stderr, flush=True)
            return
        # Of a start that was refused nothing is lost.
        if group in self._ran:
            self._ran.remove(group)
            write_down(self._told, group, sentence(reason))
        print(f"{group} {reason}; the next paragraph starts a new one", flush=True)


def main(arguments):
    watch = Watch(arguments, os.environ)
    while True:
        try:
            watch.look()
        except FAULTS as problem:
            print(f"close_lost: {problem!r}", file=sys.stderr, flush=True)
        time.sleep(EVERY)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main(sys.argv[1:])
