"""Put the example notebooks beside people's own: each once, and never over one that is there.

Runs in an initContainer of the Zeppelin image (Python 3.7). Arguments: a JSON file {path: notebook}; the folder of notebooks.
"""

import json
import os
import sys


def main(source, folder):
    with open(source) as file:
        notebooks = json.load(file)
    record = os.path.join(folder, ".examples.json")
    seen = []
    if os.path.exists(record):
        with open(record) as file:
            seen = json.load(file)
    for path, notebook in notebooks.items():
        target = os.path.join(folder, path)
        # Whoever deleted an example does not want it back with the next restart.
        if path in seen or os.path.exists(target):
            continue
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w") as file:
            json.dump(notebook, file, indent=2)
    with open(record + ".new", "w") as file:
        json.dump(sorted({*seen, *notebooks}), file)
    os.replace(record + ".new", record)


if __name__ == "__main__":
    main(*sys.argv[1:])
