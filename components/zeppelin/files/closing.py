"""While an interpreter is closed, paragraphs of its person wait: a file for each closing, in a folder that close_lost.py, rpc_filter.py
and websocket_guard.py share.

Zeppelin forgets what is started while it closes an interpreter of the same group, for two seconds and a half where there is no Pod: it
removes the group once more at the end (zeppelin: RemoteInterpreterEventServer.java, unRegisterInterpreterProcess, 0.12.1). The person then
waits for the whole time of a start. An interpreter that is killed may be closed twice at once, by itself and by close_lost.py, so each
closing has a file of its own. Runs in the Zeppelin image (Python 3.7).
"""

import contextlib
import glob
import os
import time
import uuid

MOMENT = float(os.environ.get("MOMENT", "3"))
"""Seconds from `begin` until the interpreter may be closed. A paragraph that was let through just before has failed by then: on a busy
machine Zeppelin took one up after 1.8 s."""
LONGEST = 60
"""Seconds after which whoever wrote a file has died. On a busy machine Zeppelin needed 25 s for one interpreter."""


def begin(folder, group, setting):
    """The file that says so, for `end`. Raises OSError. What somebody who has died left is removed.

    setting: the interpreter's, or None where nobody knows it.
    """
    for old in glob.glob(os.path.join(folder, "closing-*")):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - os.path.getmtime(old) > LONGEST:
                os.unlink(old)
    path = os.path.join(folder, "closing-" + uuid.uuid4().hex)
    # A Pod's setting lacks what may not stand in a label; its group's name does not.
    if setting is None or not group.startswith(setting + "-"):
        setting = ""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(f"{setting}\n{group}")
    os.replace(path + ".new", path)
    return path


def go_on(path):
    """It is still to be closed: others had their turn."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(path)


def end(path):
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def of(folder, person):
    """Whether an interpreter of a person is closed. A group is `<setting>-<person>-<note>`, and all but the note may hold hyphens. Where
    the setting is not known, anybody whose name is the end of another's waits with them."""
    for name in glob.glob(os.path.join(folder, "closing-*[0-9a-f]")):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - os.path.getmtime(name) < LONGEST:
                with open(name, encoding="utf-8") as file:
                    setting, _, group = file.read().partition("\n")
                owner = group.rpartition("-")[0]
                if owner == f"{setting}-{person}" if setting else owner.endswith("-" + person):
                    return True
    return False
