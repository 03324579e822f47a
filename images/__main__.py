"""`python -m images [--again] [name ...]`: makes images and says where they are."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from images import build, layout
from images.recipes import RECIPES
from tests.cloud.tools import ToolError

_OUT = Path("out/images")


def main() -> None:
    """Make the images that are named, or all."""
    parser = argparse.ArgumentParser(prog="images", description="Make container images.")
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(RECIPES))
    parser.add_argument("--again", action="store_true", help="make them anew, and tell whether the digest is the same")
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in RECIPES]
    if unknown:
        parser.error(f"no image is called {unknown[0]}; there are {', '.join(RECIPES)}")
    if os.geteuid() != 0 or shutil.which("mmdebstrap") is None:
        sys.exit("Images are made by root with mmdebstrap: apt-get install mmdebstrap")
    try:
        for name in options.names or RECIPES:
            _make(name, again=options.again)
    except ToolError as error:
        sys.exit(str(error))


def _make(name: str, *, again: bool) -> None:
    before = build.image(name).digest if again else ""
    built = build.image(name, again=again)
    _OUT.mkdir(parents=True, exist_ok=True)
    for link, target in ((_OUT / name, built.layout), (_OUT / f"{name}.cdx.json", built.contents)):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
    verdict = "" if not again else "  the same as before" if built.digest == before else f"  other than before: {before}"
    print(f"{name:20} {layout.size(built.layout) / 1e6:6.0f} MB  {built.digest}{verdict}")


if __name__ == "__main__":
    main()
