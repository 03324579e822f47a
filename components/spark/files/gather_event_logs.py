"""Brings people's event logs together for the Spark history server, and trims them. Python 3.8, standard library alone.

  gather_event_logs.py CONFIG

CONFIG is JSON: {"logs": folder with one folder per person, "gathered": folder that the history server reads, "people": folder to what
Zeppelin makes of that
person's login name, "settings": names of the Spark settings, "keep_days": days, "bytes": room for all logs, "every": seconds between two
rounds}.

Each person's drivers write in a folder of their own, and can do nothing to another's. The history server reads one folder without its
subfolders (FsHistoryProvider.scala), so there a link leads to each log. Only a log that is called like an application of its person is
taken: the gateway decides by that name who may read it.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import time

PREFIX = "eventlog_v2_"


def logs(config):
    """Every log: (path, name, person, bytes, last change). What is no folder, or called like another's, is left alone."""
    settings = "|".join(map(re.escape, config["settings"]))
    for person, login in sorted(config["people"].items()):
        # As the gateway asks it (gateway-spark-ui.js, owned): `<setting>-<user>-<note>-<six letters>`.
        title = re.compile(f"{PREFIX}({settings})-{re.escape(login)}-[a-z0-9]+-[a-z]{{6}}")
        folder = os.path.join(config["logs"], person)
        for name in sorted(names(folder)):
            path = os.path.join(folder, name)
            if title.fullmatch(name) and os.path.isdir(path) and not os.path.islink(path):
                sizes, changed = 0, os.lstat(path).st_mtime
                for each in names(path):
                    try:
                        status = os.lstat(os.path.join(path, each))
                    except OSError:
                        continue
                    sizes, changed = sizes + status.st_size, max(changed, status.st_mtime)
                yield path, name, person, sizes, changed


def names(folder):
    try:
        return os.listdir(folder)
    except OSError as error:
        print(f"{folder}: {error}", flush=True)
        return []


def trimmed(found, config, now):
    """The logs that stay: none older than keep_days, and none of the oldest while all of them need more than nine tenths of the room. What
    was written to within the last hour stays, because its driver may run."""
    found = sorted(found, key=lambda log: log[4])
    total = sum(log[3] for log in found)
    stay = []
    for log in found:
        old = now - log[4] > config["keep_days"] * 86400
        full = total > config["bytes"] * 0.9
        if (old or full) and now - log[4] > 3600:
            shutil.rmtree(log[0], ignore_errors=True)
            total -= log[3]
            why = f"older than {config['keep_days']} days" if old else "to make room"
            print(f"{log[0]}: removed, {why}", flush=True)
        else:
            stay.append(log)
    return stay


def link(stay, folder):
    """A link to each log that stays, and to no other."""
    wanted = {log[1]: log[0] for log in stay}
    for name in names(folder):
        path = os.path.join(folder, name)
        if os.path.islink(path) and (name not in wanted or os.readlink(path) != wanted[name]):
            os.unlink(path)
    for name, target in wanted.items():
        if not os.path.islink(os.path.join(folder, name)):
            os.symlink(target, os.path.join(folder, name))


def round_(config):
    for person in config["people"]:
        folder = os.path.join(config["logs"], person)
        try:
            if os.path.isdir(folder) and os.stat(folder).st_uid != os.geteuid():
                # The kubelet has made it, as root, for a Pod that came before this. That Pod keeps it; the next one writes in a new one.
                with contextlib.suppress(OSError):
                    os.rmdir(folder)
            if not os.path.isdir(folder):
                os.mkdir(folder)
                os.chmod(folder, 0o2770)  # noqa: S103 - the group alone
        except OSError as error:
            print(f"{folder}: {error}", flush=True)
    link(trimmed(list(logs(config)), config, time.time()), config["gathered"])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1]) as config_file:
        settings = json.load(config_file)
    # The first process of a container does not end by this signal unless it says so itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    while True:
        round_(settings)
        time.sleep(settings["every"])
