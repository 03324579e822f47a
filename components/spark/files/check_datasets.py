"""Checks that datasets answer and are complete. Python 3.8, only the standard library.

  check_datasets.py digest FOLDER       number of files, and digest of the listing: what a stack file's `expect` wants
  check_datasets.py once CONFIG         check all once, listings included; says what is wrong and ends with 1 where something is
  check_datasets.py serve CONFIG PORT   go on checking, and serve the results at /metrics in Prometheus' text format
  check_datasets.py tell CONFIG         what a notebook should know; says nothing where all is well

CONFIG is JSON: {"datasets": [{"name", "path", "files", "digest"}], "seconds": patience with one dataset, "every": seconds between two
looks, "listing": seconds between two listings}. `files` and `digest` may be null.

A lost CephFS mount does not fail, it hangs, and a process that hangs in it cannot even be killed. So each look runs in its own process,
which is abandoned if it does not answer.
"""

import hashlib
import json
import os
import subprocess
import sys
import threading
import time

LISTING_SECONDS = 1800


def listing(folder):
    """(number of files, digest) of a folder: path below it and size of every file, sorted. Raises OSError where it cannot be read."""
    entries = []

    def broken(error):
        raise error

    for here, folders, files in os.walk(folder, onerror=broken):
        folders.sort()
        for name in files:
            path = os.path.join(here, name)
            entries.append(f"{os.path.relpath(path, folder)}\t{os.stat(path, follow_symlinks=False).st_size}\n")
    digest = hashlib.sha256("".join(sorted(entries)).encode("utf-8", "surrogateescape")).hexdigest()
    return len(entries), digest


def look(folder):
    """Read the first folder's names: what a mount that is lost does not answer. Raises OSError."""
    with os.scandir(folder) as entries:
        for _ in entries:
            break


HUNG = {}
"""The process that still hangs in a folder: not waited for, and no further one is sent after it."""


def patiently(task, folder, seconds):
    """(answer, "") of a task in a process of its own, or (None, why not)."""
    hung = HUNG.pop(folder, None)
    if hung and hung.poll() is None:
        HUNG[folder] = hung
        time.sleep(seconds)
        return None, "does not answer: the mount is lost, or Ceph is slow"
    command = [sys.executable, os.path.abspath(__file__), task, folder]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        out, error = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        HUNG[folder] = process
        return None, f"does not answer within {seconds} s: the mount is lost, or Ceph is slow"
    if process.returncode:
        return None, error.strip().splitlines()[-1] if error.strip() else f"ended with {process.returncode}"
    return out.split(), ""


def looked(dataset, seconds):
    """What is wrong with a dataset at a look, or the empty text."""
    return patiently("look", dataset["path"], seconds)[1]


def listed(dataset, seconds):
    """(number of files or None, what is wrong with the listing or the empty text)."""
    answer, wrong = patiently("digest", dataset["path"], seconds)
    if wrong:
        return None, wrong
    files, digest = int(answer[0]), answer[1]
    expected = dataset.get("files")
    if expected is not None and files != expected:
        return files, f"has {files} files, expected {expected}"
    if dataset.get("digest") and digest != dataset["digest"]:
        return files, f"has {files} files as expected, but with other names or sizes: digest {digest}, expected {dataset['digest']}"
    return files, ""


def once(config):
    """Every finding, one line each."""
    lines = []
    for dataset in config["datasets"]:
        wrong = looked(dataset, config["seconds"])
        files = None
        if not wrong:
            files, wrong = listed(dataset, LISTING_SECONDS)
        print(f"{dataset['name']}: {wrong or f'{files} files'}", flush=True)
        if wrong:
            lines.append(f"{dataset['name']} ({dataset['path']}): {wrong}")
    return lines


class State:
    """The last results, by name of the dataset."""

    def __init__(self, config):
        self.config, self.lock, self.results = config, threading.Lock(), {}

    def watch(self, dataset):
        next_listing = 0.0
        result = {}
        while True:
            begin = time.monotonic()
            wrong = looked(dataset, self.config["seconds"])
            result = dict(result, up=int(not wrong), seconds=time.monotonic() - begin, at=time.time())
            if not wrong and begin >= next_listing:
                self.save(dataset, result)
                files, different = listed(dataset, LISTING_SECONDS)
                next_listing = time.monotonic() + self.config["listing"]
                result["files"] = files
                if dataset.get("files") is not None:
                    result["whole"] = int(not different)
                wrong = different
            if wrong:
                print(f"{dataset['name']} ({dataset['path']}): {wrong}", flush=True)
            self.save(dataset, result)
            time.sleep(max(1, self.config["every"] - (time.monotonic() - begin)))

    def save(self, dataset, result):
        with self.lock:
            self.results[dataset["name"]] = dict(result)

    def metrics(self):
        with self.lock:
            results = dict(self.results)
        names = {
            "up": ("gaia_dmp_dataset_up", "Whether the dataset answers on this node."),
            "seconds": ("gaia_dmp_dataset_look_seconds", "How long the last look took."),
            "at": ("gaia_dmp_dataset_look_timestamp_seconds", "When the last look ended."),
            "files": ("gaia_dmp_dataset_files", "Files in the last listing."),
            "whole": ("gaia_dmp_dataset_whole", "Whether the last listing was the one expected."),
        }
        node, lines = os.environ.get("NODE_NAME", ""), []
        for key, (metric, text) in names.items():
            lines += [f"# HELP {metric} {text}", f"# TYPE {metric} gauge"]
            for name, result in sorted(results.items()):
                if result.get(key) is not None:
                    lines.append(f'{metric}{{dataset="{name}",node="{node}"}} {result[key]}')
        lines.append("# HELP gaia_dmp_dataset_expected_files Files that the stack file expects.")
        lines.append("# TYPE gaia_dmp_dataset_expected_files gauge")
        for dataset in self.config["datasets"]:
            if dataset.get("files") is not None:
                lines.append(f'gaia_dmp_dataset_expected_files{{dataset="{dataset["name"]}",node="{node}"}} {dataset["files"]}')
        return "\n".join(lines) + "\n"


def serve(config, port):
    state = State(config)
    for dataset in config["datasets"]:
        threading.Thread(target=state.watch, args=(dataset,), daemon=True).start()

    # Beside this script where it serves, and nowhere else.
    import serve_metrics  # noqa: PLC0415

    serve_metrics.serve(port, state.metrics)


def tell(config):
    """What a notebook that starts should know: datasets that do not answer where it runs. All are asked at once."""
    wrong = {}

    def ask(dataset):
        wrong[dataset["name"]] = looked(dataset, config["seconds"])

    threads = [threading.Thread(target=ask, args=(dataset,)) for dataset in config["datasets"]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = [dataset for dataset in config["datasets"] if wrong[dataset["name"]]]
    for dataset in lost:
        print(f"WARNING: dataset {dataset['name']} at {dataset['path']}: {wrong[dataset['name']]}")
    if lost:
        print("A job that reads it would hang. Everything else works. The operators get an alert; please tell them, too.")


def main(task, argument, *more):
    if task == "digest":
        print(*listing(argument))
        return 0
    if task == "look":
        look(argument)
        return 0
    with open(argument) as file:
        config = json.load(file)
    if task == "once":
        findings = once(config)
        if findings:
            # Kubernetes keeps the end of this file for whoever asks why the Pod failed.
            with open(os.environ.get("TERMINATION_LOG", "/dev/null"), "w") as file:
                file.write("\n".join(findings))
        return int(bool(findings))
    if task == "serve":
        return serve(config, int(more[0]))
    if task == "tell":
        return tell(config)
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        sys.exit(main(*sys.argv[1:]))
    except OSError as error:
        sys.exit(f"{error.strerror}: {error.filename}")
