"""Put the platform's interpreter settings into Zeppelin's interpreter.json: ours are overwritten, all others stay as they are.

And make the folder of interpreters that the server may start: of each language of ours, what the image says of it, with `conf` shadowed.
By `%<setting>.conf` a notebook could set any property of its interpreter, the name of its Pod and of its person included, and so get
at others. Zeppelin looks for a name among a setting's own interpreters first and for `conf` after that
(InterpreterSetting.getInterpreterClassFromInterpreterSetting, 0.12.1), so an interpreter that is called `conf` closes that door.

Runs in an initContainer of the Zeppelin image (Python 3.7). Arguments: our settings, a JSON file; Zeppelin's interpreter.json; the
image's folder of interpreters; the folder to make.
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


def shadowed(interpreters):
    """The contents of an interpreter-setting.json, with an interpreter `conf` that is the language's first one again."""
    first = interpreters[0]
    conf = {"group": first["group"], "name": "conf", "className": first["className"], "properties": {}, "defaultInterpreter": False}
    return [entry for entry in interpreters if entry["name"] != "conf"] + [conf]


def load(path):
    with open(path) as file:
        return json.load(file)


def save(data, path):
    # Written beside and moved, so that a Pod that dies half-way leaves the old file whole.
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path + ".new", "w") as file:
        json.dump(data, file, indent=2, sort_keys=True)
    os.replace(path + ".new", path)


def main(source, target, image_folder, folder):
    ours = load(source)
    save(seeded(ours, load(target) if os.path.exists(target) else None), target)
    for group in sorted({setting["group"] for setting in ours["interpreterSettings"].values()}):
        file = os.path.join(group, "interpreter-setting.json")
        save(shadowed(load(os.path.join(image_folder, file))), os.path.join(folder, file))


if __name__ == "__main__":
    main(*sys.argv[1:])
