import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cloud.images.container import Container, unpacked


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = "root" if os.geteuid() else next((each for each in ("mmdebstrap", "mvn", "go") if not shutil.which(each)), None)
    if missing:
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=f"images are made by root with mmdebstrap, Maven and Go; missing: {missing}"))


@pytest.fixture(scope="package")
def container() -> Iterator[Callable[[str], Container]]:
    """Gives an image's container by the image's name. Not below pytest's own folder, which only root may enter."""
    known: dict[str, Container] = {}
    with tempfile.TemporaryDirectory() as folder:

        def of(name: str) -> Container:
            if name not in known:
                known[name] = unpacked(name, Path(folder))
            return known[name]

        yield of
