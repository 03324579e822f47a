"""Makes images, each once: a folder of the cache is named after everything that the image is made from."""

import contextlib
import fcntl
import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from images import debian, layout, sbom
from images.layout import Layer
from images.recipes import RECIPES, Recipe
from tests.cloud.tools import CACHE, progress

FOLDER = CACHE / "images"


@dataclass(frozen=True, kw_only=True)
class Built:
    """An image that is made. layout: folder in OCI's format. contents: list of what is in it, CycloneDX."""

    layout: Path
    contents: Path

    @property
    def digest(self) -> str:
        return layout.digest(self.layout)


def image(name: str, *, again: bool = False) -> Built:
    """An image of RECIPES, made where the cache does not have it. again: made anew, with what Debian has now."""
    recipe = RECIPES[name]
    target = FOLDER / f"{name}-{_key(recipe)}"
    if again or not target.exists():
        with progress(f"Image {name}"), _alone():
            if again or not target.exists():
                _make(name, recipe, target, again=again)
    return Built(layout=target / "layout", contents=target / "contents.cdx.json")


def archive(name: str, references: Sequence[str]) -> Path:
    """An image as one tar for `ctr images import`, under the names that a stack gives it. Made anew where the names are others."""
    built = image(name)
    names = hashlib.sha256("\n".join(references).encode()).hexdigest()[:12]
    target = built.layout.parent / f"archive-{names}.tar"
    if not target.exists():
        part = target.with_suffix(".part")
        layout.archive(built.layout, part, references)
        part.rename(target)
    return target


def _key(recipe: Recipe) -> str:
    """Digest of recipe, builder and files. What Debian's mirror has at the time is no part of it: `again` asks for that."""
    inputs = [repr(recipe).encode()]
    inputs += [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py"))]
    inputs += [each for step in recipe.steps for each in step.inputs()]
    return _digest(inputs)


def _digest(inputs: Sequence[bytes]) -> str:
    total = hashlib.sha256()
    for each in inputs:
        total.update(hashlib.sha256(each).digest())
    return total.hexdigest()[:12]


def _make(name: str, recipe: Recipe, target: Path, *, again: bool) -> None:
    with _work() as work:
        _build(name, recipe, work, again=again)
        _replace(work / "image", target)


def _build(name: str, recipe: Recipe, work: Path, *, again: bool) -> None:
    root = work / "root"
    layers = [_debian_layer(recipe, root, again=again)]
    for index, step in enumerate(recipe.steps):
        before = layout.snapshot(root)
        (work / f"step-{index}").mkdir()
        step.install(root, work / f"step-{index}")
        shutil.rmtree(work / f"step-{index}")
        layers.append(layout.pack(root, layout.changed(root, before), work / f"layer-{index}"))
    target = work / "image"
    target.mkdir()
    digest = layout.write(target / "layout", layers, recipe.oci_config(), f"localhost/gaia-dmp-{name}:{_key(recipe)}")
    (target / "contents.cdx.json").write_text(json.dumps(sbom.document(name, digest, root), indent=1, sort_keys=True) + "\n")


def _debian_layer(recipe: Recipe, root: Path, *, again: bool) -> Layer:
    """The layer of Debian's packages, which several images share, and its content at `root`."""
    sources = [(Path(__file__).parent / name).read_bytes() for name in ("debian.py", "layout.py")]
    key = _digest([repr((recipe.suite, recipe.packages, recipe.users)).encode(), *sources])
    target = FOLDER / f"debian-{key}"
    root.mkdir()
    if again or not target.exists():
        with _work() as work:
            debian.make(work / "root", recipe.suite, recipe.packages, recipe.users)
            (work / "layer").mkdir()
            packed = layout.pack(work / "root", layout.snapshot(work / "root"), work / "layer" / "layer.tar.gz")
            (work / "layer" / "layer.json").write_text(json.dumps([packed.digest, packed.content, packed.size]))
            _replace(work / "layer", target)
    digest, content, size = json.loads((target / "layer.json").read_text())
    layout.extract(target / "layer.tar.gz", root)
    return Layer(file=target / "layer.tar.gz", digest=digest, content=content, size=size)


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One build at a time on this machine. What a killed one left behind goes first."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for rest in FOLDER.glob("part-*"):
            shutil.rmtree(rest)
        yield


@contextlib.contextmanager
def _work() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=FOLDER, prefix="part-") as name:
        yield Path(name)


def _replace(source: Path, target: Path) -> None:
    """Put a folder where a killed build cannot leave half of it."""
    if target.exists():
        shutil.rmtree(target)
    source.rename(target)
