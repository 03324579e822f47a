"""Put the platform's interpreter settings into Zeppelin's interpreter.json: ours are overwritten, all others stay as they are.

Runs in an initContainer of the Zeppelin image (Python 3.7). Arguments: our settings, a JSON file; Zeppelin's interpreter.json.
"""

import json
import os
import sys


def seeded(ours, existing):
    """The contents of interpreter.json: `existing` (or None) with our settings in it, by name."""
    result = dict(existing or {})
    settings = dict(result.get("interpreterSettings") or {})
    names = {setting["name"] for setting in ours["interpreterSettings"].values()}
    # An older setting of the same name under another id would win over ours, or stand beside it.
    settings = {key: value for key, value in settings.items() if value.get("name") not in names}
    settings.update(ours["interpreterSettings"])
    result["interpreterSettings"] = settings
    result.setdefault("interpreterRepositories", [])
    return result


def main(source, target):
    with open(source) as file:
        ours = json.load(file)
    existing = None
    if os.path.exists(target):
        with open(target) as file:
            existing = json.load(file)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # Written beside and moved, so that a Pod that dies half-way leaves the old file whole.
    with open(target + ".new", "w") as file:
        json.dump(seeded(ours, existing), file, indent=2, sort_keys=True)
    os.replace(target + ".new", target)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
