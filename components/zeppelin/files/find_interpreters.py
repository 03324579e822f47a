"""Writes down which interpreters run, waits until each answers, and then runs the server in its own place.

Zeppelin's own record loses interpreters. Whenever one is started or stopped, it writes anew the ones that somebody has used since the
server began (zeppelin: interpreter/recovery/RecoveryUtils.java, getRecoveryData, 0.12.1). The next server does not know the others. And at
its start it gives up each that it cannot reach just then, for instance because the network does not know its new address yet
(RecoveryStorage.java, init); one that is stopped holds up the start for ever. A person would then get a new interpreter without a word,
while the old one runs on. And a record of a language that the stack no longer has breaks the start (restoreFromRecoveryData).

Runs in the Zeppelin image (Python 3.7), in the server's container. Arguments: namespace of interpreters, their port, folder of the record,
Zeppelin's interpreter.json, the server's program. Environment: ZEPPELIN_INTERPRETER_INCLUDES, the languages of the stack; API, TOKEN_FILE,
CA_FILE only where it does not run in a Pod.
"""

import concurrent.futures
import glob
import json
import os
import signal
import sys
import time

import alive
from interpreter_pods import FAULTS, InterpreterPods, group_of, is_there, made, setting_of

PATIENCE = 30  # seconds for the API to answer, and as many for all interpreters together
ONE_TRY = 10  # seconds: one of several API servers may be dead, or the network was not there when it was asked
PAUSE = 0.5
AT_ONCE = 32  # interpreters that are asked beside each other


def log(text):
    print(f"find_interpreters: {text}", file=sys.stderr, flush=True)


def pods_in_time(pods, patience):
    """Interpreters' Pods, as soon as the API answers within so many seconds: the network of a Pod that starts may take some. Raises one of
    FAULTS."""
    end = time.monotonic() + patience
    while True:
        late = time.monotonic() > end
        try:
            return pods.list()
        except FAULTS:
            if late:
                raise
        time.sleep(PAUSE)


def running(found, namespace, settings):
    """Setting and group of each interpreter that runs, to its host. Of two Pods of one group, the newer counts, even if it only starts."""
    newest = {}
    for pod in sorted(found, key=made):
        if is_there(pod) and "deletionTimestamp" not in pod["metadata"]:
            newest[setting_of(pod), group_of(pod)] = pod
    return {
        (setting, group): f"{pod['metadata']['name']}.{namespace}.svc"
        for (setting, group), pod in newest.items()
        if group and setting in settings and pod["status"]["phase"] == "Running"
    }


def answers_now(host, port):
    try:
        alive.answers_interpreters(port, host)
    except OSError:
        return False
    return True


def answers(host, port, end):
    """Whether an interpreter answers before this time of the monotonic clock."""
    while time.monotonic() < end:
        if answers_now(host, port):
            return True
        time.sleep(PAUSE)
    return False


def that_answer(interpreters, port, patience):
    """Those that answer within so many seconds."""
    end = time.monotonic() + patience
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        said = list(pool.map(lambda host: answers(host, port, end), interpreters.values()))
    return {each: host for (each, host), yes in zip(interpreters.items(), said) if yes}


def record(folder, interpreters, port):
    """Write Zeppelin's record anew: a file for each setting, a line for each interpreter. Raises OSError."""
    settings = {setting for setting, _ in interpreters}
    for setting in settings:
        path = os.path.join(folder, setting + ".recovery")
        lines = [f"{group}\t{host}:{port}" for (name, group), host in sorted(interpreters.items()) if name == setting]
        with open(path + ".new", "w") as file:
            file.write("\n".join(lines))
        os.replace(path + ".new", path)
    for old in glob.glob(os.path.join(folder, "*.recovery")):
        if os.path.basename(old)[: -len(".recovery")] not in settings:
            os.unlink(old)


def settings_of(path, includes):
    """Names of the interpreter settings that Zeppelin loads: interpreter.json also keeps those of languages that went."""
    with open(path) as file:
        settings = json.load(file)["interpreterSettings"].values()
    return {each["name"] for each in settings if each["group"] in includes}


def find(namespace, port, folder, path, environment):
    settings = settings_of(path, environment["ZEPPELIN_INTERPRETER_INCLUDES"].split(","))
    wanted = running(pods_in_time(InterpreterPods(namespace, environment, ONE_TRY), PATIENCE), namespace, settings)
    found = that_answer(wanted, port, PATIENCE)
    record(folder, found, port)
    log(f"interpreters that run: {len(found)}")
    for _, group in sorted(wanted.keys() - found.keys()):
        log(f"{group} does not answer, so its person gets a new one")


if __name__ == "__main__":
    # The first process of a container has no default action for signals.
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    try:
        find(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], os.environ)
    except Exception as trouble:  # noqa: BLE001 - whatever it is, people want their server
        log(f"not every interpreter may be found again: {trouble!r}")
    # Python ignores these, and what it becomes would, too.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execv(sys.argv[5], sys.argv[5:])  # noqa: S606 - the stack's own program
