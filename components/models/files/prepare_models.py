"""Brings the database of models to the schema of the MLflow that is installed, before that starts.

MLflow makes and changes a schema in several steps, and one that is killed leaves neither the old nor the new. So a copy is changed and
takes the place of the old in one step, which is kept beside it under the name of its schema. The server changes the database of rights in
place, once this has ended: a copy of that is kept with it. Arguments: `upgrade` or `copy`, and what that function takes.
"""

import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile


def schema(path):
    """The schema of a database, "" where it has none."""
    connection = sqlite3.connect(path)
    try:
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    except sqlite3.OperationalError:
        return ""
    finally:
        connection.close()
    return rows[0][0] if rows else ""


def copied(source, target):
    """A whole copy, also of a database whose last writer was killed, or that is being written."""
    if os.path.exists(target):
        os.unlink(target)
    read, write = sqlite3.connect(source, timeout=60), sqlite3.connect(target)
    try:
        read.backup(write)
    finally:
        read.close()
        write.close()


def upgrade(folder):
    """Make or upgrade the database; its schema before and after."""
    database, work = os.path.join(folder, "mlflow.db"), os.path.join(folder, "mlflow-upgrade.db")
    if not os.path.exists(database):
        # Hundreds of small writes, each of which would wait for Ceph.
        with tempfile.TemporaryDirectory() as scratch:
            made = os.path.join(scratch, "mlflow.db")
            migrate(made)
            copied(made, work)
        os.replace(work, database)
        return "", schema(database)
    before = schema(database)
    copied(database, work)
    migrate(work)
    after = schema(work)
    if after != before:
        if before:
            copied(database, os.path.join(folder, f"mlflow-{before}.db"))
            rights = os.path.join(folder, "rights.db")
            if os.path.exists(rights):
                copied(rights, os.path.join(folder, f"rights-{before}.db"))
        os.replace(work, database)
    else:
        os.unlink(work)
    return before, after


def migrate(database):
    """Bring a database to the schema of the MLflow that is installed."""
    subprocess.run([sys.executable, "-m", "mlflow", "db", "upgrade", "sqlite:///" + database], check=True)


def copy_all(folder, failed):
    """Whole copies of the databases, for a backup that reads file by file. failed: a file that says why there are none, if so."""
    target = os.path.join(folder, "copy")
    try:
        os.makedirs(target, exist_ok=True)
        for name in ("mlflow.db", "rights.db"):
            if os.path.exists(os.path.join(folder, name)):
                copied(os.path.join(folder, name), os.path.join(target, name + ".new"))
                os.replace(os.path.join(target, name + ".new"), os.path.join(target, name))
    except (sqlite3.Error, OSError) as problem:
        # Notebooks are backed up all the same; the backup says so, and fails. The file is not on the share, which may be full,
        # and is not to be kept so by half a copy.
        for name in ("mlflow.db.new", "rights.db.new"):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(target, name))
        with open(failed, "w") as file:
            file.write(str(problem))


if __name__ == "__main__":
    if sys.argv[1] == "copy":
        copy_all(*sys.argv[2:])
    else:
        before, after = upgrade(sys.argv[2])
        print(f"schema {before}, now {after}", flush=True)
