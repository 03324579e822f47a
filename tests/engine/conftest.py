"""Tests that need the real Pulumi engine and its plug-ins: users get them from Pulumi's installer, no registry here has them."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from operate.resume import TAKE_OVER
from tests.cloud.openstack.cloud import Cloud
from tests.engine.platform import Platform


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    if shutil.which("pulumi") is None:
        for item in items:
            if here in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="pulumi is not on PATH; install it as Pulumi's documentation says"))


@pytest.fixture
def platform(cloud: Cloud, tmp_path: Path) -> Iterator[Callable[..., Platform]]:
    """Makes stacks on the cloud; those that still stand at the end of the test are destroyed."""
    made: list[Platform] = []

    def make(stack: str, data: dict[str, Any], **options: Any) -> Platform:
        made.append(Platform(cloud.clouds_yaml, tmp_path / stack, stack, data, **options))
        return made[-1]

    yield make
    cloud.faults()
    for each in made:
        each.end_plugins()
        if each.ids():
            protected = each.data["gaia-dmp:protection"] == "on"
            each.data = {**each.data, "gaia-dmp:protection": "off"}
            if protected:
                each.up()
            each.destroy()


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> Callable[[Platform], None]:
    """Sets the variables with which `gaia` works on a platform as its person would."""

    def set_up(dev: Platform) -> None:
        for name, value in dev.environment.items():
            monkeypatch.setenv(name, value)
        for variable in TAKE_OVER:
            monkeypatch.setenv(variable, "true")

    return set_up
