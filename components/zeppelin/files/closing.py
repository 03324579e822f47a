"""While an interpreter is closed, paragraphs of its person wait: a file for each, in a folder that close_lost.py, rpc_filter.py and
websocket_guard.py share.

Zeppelin forgets what is started while it closes an interpreter of the same group, for two seconds and a half where there is no Pod: it
removes the group once more at the end (zeppelin: RemoteInterpreterEventServer.java, unRegisterInterpreterProcess, 0.12.1). The person then
waits for the whole time of a start. Runs in the Zeppelin image (Python 3.7).
"""

import contextlib
import glob
import hashlib
import os
import time

MOMENT = 3
"""Seconds from `begin` until the interpreter may be closed. A paragraph that was let through just before has failed by then: on a busy
machine Zeppelin took one up after 1.8 s."""
LONGEST = 60
"""Seconds after which whoever wrote a file has died. On a busy machine Zeppelin needed 25 s for one interpreter."""


def path(folder, group):
    """A name of one length, whatever a person is called."""
    return os.path.join(folder, "closing-" + hashlib.sha256(group.encode()).hexdigest())


def begin(folder, group):
    """Raises OSError. What somebody who has died left is removed."""
    for old in glob.glob(os.path.join(folder, "closing-*")):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - os.path.getmtime(old) > LONGEST:
                os.unlink(old)
    with open(path(folder, group) + ".new", "w", encoding="utf-8") as file:
        file.write(group)
    os.replace(path(folder, group) + ".new", path(folder, group))


def end(folder, group):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path(folder, group))


def of(folder, person):
    """Whether an interpreter of a person is closed. A group is `<setting>-<person>-<note>`; whoever is called like the end of another's
    name waits with them."""
    for name in glob.glob(os.path.join(folder, "closing-*[0-9a-f]")):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - os.path.getmtime(name) < LONGEST:
                with open(name, encoding="utf-8") as file:
                    if file.read().rpartition("-")[0].endswith("-" + person):
                        return True
    return False
