"""Closes interpreters that Zeppelin believes in and that are not there, and ends those that are there and that it has forgotten.

Zeppelin keeps what it has started even where the start was refused (a quota), or where the process was killed without a word (memory):
every later paragraph then fails with "Interpreter process is not running", until somebody restarts the interpreter by hand (zeppelin:
interpreter/ManagedInterpreterGroup.java, getOrCreateInterpreterProcess, 0.12.1). What was started stands in a log of that class alone
(log4j.properties); what is there, the Kubernetes API tells; it is closed by the call that an interpreter makes when it ends by itself.

The other way round, a server that was restarted knows a running interpreter only from its next paragraph on; until then "restart" answers
"ok" and ends nothing (InterpreterSetting.closeInterpreters). Its Pod is deleted here. A group's name holds the person who asked, so
nobody ends another's; the gateway lets no line break into what Zeppelin logs (access/files/gateway-spark-ui.js, restart).

Why one was lost that had run is written down for the filter of the RPC, which tells the person (rpc_filter.py).

Runs beside the server, in the Zeppelin image (Python 3.7). Arguments: folder of the log, namespace of interpreters, port of the RPC,
folder of what was lost.
"""

import glob
import json
import os
import re
import signal
import socket
import ssl
import struct
import sys
import time
import urllib.parse
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
SELECTOR = "app.kubernetes.io%2Fmanaged-by%3Dzeppelin"
GROUP = "gaia-dmp/interpreter-group"
STARTED = re.compile(r"Create InterpreterProcess for InterpreterGroup: (\S+)")
RESTART = re.compile(r'Restart interpreterSetting (\S+), msg=\{"noteId":"(\w+)"\}, user=(\S+)')
CALL = 0x80010001
"""Version and kind of a Thrift message that asks."""
EVERY = 5
GRACE = 60
"""Seconds from the line in the log until a Pod that was not refused is surely there."""
SECONDS = 60
WHY = {
    "OOMKilled": "it took more memory than its Pod may have",
    "Evicted": "it wrote more than its disk holds, or its node ran short of something",
    "Error": "it failed, or was killed",
    None: "it was restarted, was idle for too long, or went with its node",
}
"""What ended an interpreter, as the person is told. None: its Pod is not there any more."""


class Log:
    """What was written since the last look. A file that has become smaller was begun anew, by a server that has forgotten all."""

    def __init__(self, folder):
        self._folder, self._read = folder, {}

    def look(self):
        """New lines in order, and whether a server began its log anew."""
        found, anew = [], False
        for path in sorted(glob.glob(self._folder + "/*.log")):
            begin = self._read.get(path, 0)
            if os.path.getsize(path) < begin:
                begin, anew = 0, True
            with open(path, errors="replace") as file:
                file.seek(begin)
                text = file.read()
                # A line that is half written is read whole the next time.
                whole = text[: text.rfind("\n") + 1]
                self._read[path] = file.tell() - len(text.encode()) + len(whole.encode())
            found += whole.splitlines()
        return found, anew


class Interpreters:
    """What the server knows of. started: group to when it was started, and Pods that had ended by then: they are its predecessors'."""

    def __init__(self):
        self.started = {}

    def hear(self, lines, pods, now):
        """Take in what the server logs; returns groups that shall be restarted and that it does not know of."""
        forgotten = []
        for line in lines:
            start, restart = STARTED.fullmatch(line), RESTART.fullmatch(line)
            if start:
                self.started[start.group(1)] = (now, of_ended(pods))
            elif restart:
                setting, note, person = restart.groups()
                group = f"{setting}-{person}-{note}"
                if group not in self.started:
                    forgotten.append(group)
        return forgotten


def ask(method, path, account=ACCOUNT):
    """What the Kubernetes API answers. Raises OSError."""
    host = "{}:{}".format(os.environ["KUBERNETES_SERVICE_HOST"], os.environ["KUBERNETES_SERVICE_PORT"])
    # A token is written anew before it ends.
    with open(account + "/token") as file:
        headers = {"Authorization": "Bearer " + file.read().strip()}
    request = urllib.request.Request(f"https://{host}/api/v1/namespaces/{path}", headers=headers, method=method)
    context = ssl.create_default_context(cafile=account + "/ca.crt")
    with urllib.request.urlopen(request, timeout=SECONDS, context=context) as answer:
        return json.load(answer)


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
    running = [pod["metadata"] for pod in pods if pod["status"].get("phase") == "Running"]
    return {metadata.get("annotations", {}).get(GROUP) for metadata in running}


def lost(known, pods, now):
    """Groups that are not there, each with a reason. known: group to when it was started, and Pods that had ended by then: they are
    those of its predecessors."""
    phases, reasons = {}, {}
    for pod in pods:
        group = pod["metadata"].get("annotations", {}).get(GROUP)
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
    """Leave it for whoever tells the person, whole from the first moment."""
    path = os.path.join(folder, urllib.parse.quote(group, safe=""))
    with open(path + ".new", "w") as file:
        file.write(words)
    os.replace(path + ".new", path)


def running(group, pods):
    """Names of the Pods of a group that have not ended."""
    found = [pod for pod in pods if pod["status"].get("phase") in ("Pending", "Running")]
    return [pod["metadata"]["name"] for pod in found if pod["metadata"].get("annotations", {}).get(GROUP) == group]


def main(arguments):
    folder, namespace, port, told = arguments[0], arguments[1], int(arguments[2]), arguments[3]
    log, known, ran, first = Log(folder), Interpreters(), set(), True
    while True:
        try:
            # Pods first: whatever is started after this look is known before it is judged.
            pods, now = ask("GET", f"{namespace}/pods?labelSelector={SELECTOR}")["items"], time.monotonic()
            lines, anew = log.look()
            if anew:
                known.started.clear()
            forgotten = known.hear(lines, pods, now)
            # What was asked for before this program began is over.
            for group in [] if first else forgotten:
                for name in running(group, pods):
                    ask("DELETE", f"{namespace}/pods/{name}")
                    print(f"{group} was to be restarted, and the server had forgotten it: {name} is deleted", flush=True)
            first = False
            ran |= of_running(pods)
            for group, reason in lost(known.started, pods, now).items():
                close(port, group)
                del known.started[group]
                # Of a start that was refused nothing is lost.
                if group in ran:
                    ran.remove(group)
                    write_down(told, group, sentence(reason))
                print(f"{group} {reason}; the next paragraph starts a new interpreter", flush=True)
        except OSError as problem:
            print(f"close_lost: {problem}", file=sys.stderr, flush=True)
        time.sleep(EVERY)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    main(sys.argv[1:])
