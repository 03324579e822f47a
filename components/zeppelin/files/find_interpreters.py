"""Writes down which interpreters run, waits until each can be reached, and then runs the server in its own place.

Zeppelin's own record loses interpreters. Whenever one is started or stopped, it writes anew the ones that somebody has used since the
server began (zeppelin: interpreter/recovery/RecoveryUtils.java, getRecoveryData, 0.12.1): the others are gone from it, and the next server
does not know them. And it tries each once, for a second: while the network does not know the new server's address yet, each is taken for
dead (RecoveryStorage.java, init). A person would then get a new interpreter without a word, while the old one runs on. And a record of
a language that the stack no longer has stops the server's start (restoreFromRecoveryData).

Runs in the Zeppelin image (Python 3.7), in the server's container. Arguments: namespace of interpreters, their port, folder of the record,
Zeppelin's interpreter.json, the server's program. Environment: API, TOKEN_FILE, CA_FILE only where it does not run in a Pod.
"""

import glob
import http.client
import json
import os
import signal
import socket
import ssl
import sys
import time
import urllib.parse
import urllib.request

ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
LABELS = "app.kubernetes.io/name=zeppelin-interpreter,app.kubernetes.io/managed-by=zeppelin"
GROUP = "gaia-dmp/interpreter-group"
PATIENCE = 30  # seconds for the API to answer, and as many for all interpreters together
PAUSE = 0.5
FAULTS = (OSError, ValueError, KeyError, http.client.HTTPException)
"""What an API that answers badly comes to."""


def log(text):
    print(f"find_interpreters: {text}", file=sys.stderr, flush=True)


def pods(namespace, environment):
    """Interpreters' Pods, by the Kubernetes API. Raises one of FAULTS."""
    with open(environment.get("TOKEN_FILE", ACCOUNT + "/token")) as file:
        headers = {"Authorization": "Bearer " + file.read().strip()}
    url = environment.get("API", "https://kubernetes.default.svc")
    url += f"/api/v1/namespaces/{namespace}/pods?" + urllib.parse.urlencode({"labelSelector": LABELS})
    context = ssl.create_default_context(cafile=environment.get("CA_FILE", ACCOUNT + "/ca.crt"))
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), context=context, timeout=10) as answer:
        return json.load(answer)["items"]


def running(found, namespace, port):
    """Setting, group and address of each interpreter that runs. Of two of one group it is the newer one."""
    interpreters = {}
    for pod in sorted(found, key=lambda pod: pod["metadata"]["creationTimestamp"]):
        metadata, arguments = pod["metadata"], pod["spec"]["containers"][0].get("args", [])
        group = metadata.get("annotations", {}).get(GROUP)
        if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in metadata and group and "-g" in arguments[:-1]:
            setting = arguments[arguments.index("-g") + 1]
            interpreters[setting, group] = (f"{metadata['name']}.{namespace}.svc", port)
    return interpreters


def reachable(address):
    try:
        socket.create_connection(address, timeout=2).close()
    except OSError:
        return False
    return True


def reached(interpreters, patience):
    """Those that can be reached within so many seconds."""
    end, found = time.monotonic() + patience, {}
    while True:
        found.update({each: address for each, address in interpreters.items() if each not in found and reachable(address)})
        if len(found) == len(interpreters) or time.monotonic() > end:
            return found
        time.sleep(PAUSE)


def record(folder, interpreters, settings):
    """Write Zeppelin's record anew: a file for each setting that it has, a line for each interpreter."""
    for old in glob.glob(os.path.join(folder, "*.recovery")):
        os.unlink(old)
    for setting in settings:
        mine = sorted((group, address) for (name, group), address in interpreters.items() if name == setting)
        if mine:
            with open(os.path.join(folder, setting + ".recovery"), "w") as file:
                file.write("\n".join(f"{group}\t{host}:{port}" for group, (host, port) in mine))


def settings_of(path):
    """Names of Zeppelin's interpreter settings."""
    with open(path) as file:
        return sorted(each["name"] for each in json.load(file)["interpreterSettings"].values())


def asked(namespace, environment, patience):
    """Interpreters' Pods, as soon as the API answers. Raises one of FAULTS where it does not within so many seconds."""
    end = time.monotonic() + patience
    while True:
        late = time.monotonic() > end
        try:
            return pods(namespace, environment)
        except FAULTS:
            # The network of a Pod that begins may take some seconds.
            if late:
                raise
        time.sleep(PAUSE)


def find(namespace, port, folder, path, environment):
    """Raises one of FAULTS."""
    wanted = running(asked(namespace, environment, PATIENCE), namespace, port)
    found = reached(wanted, PATIENCE)
    record(folder, found, settings_of(path))
    log(f"{len(found)} interpreters run")
    for _, group in sorted(wanted.keys() - found.keys()):
        log(f"{group} does not answer, so its person gets a new one")


if __name__ == "__main__":
    # The first process of a container has no default action for signals.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        find(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], os.environ)
    except FAULTS as trouble:
        log(f"Zeppelin's own record stays: {trouble!r}")
    os.execv(sys.argv[5], sys.argv[5:])  # noqa: S606 - the stack's own program
