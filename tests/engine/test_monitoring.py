"""The charts of monitoring under the real engine, from disc instead of their repositories: they come, stay, change and go."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.cloud import tools
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.inventory import held
from tests.engine.platform import Platform
from tests.support.changes import copied
from tests.support.stack_files import document

RELEASES = {"monitoring-grafana", "monitoring-prometheus", "monitoring-prometheus-json-exporter", "monitoring-prometheus-node-exporter"}


def test_charts_come_change_and_go(cloud: Cloud, platform: Callable[..., Platform], tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    disc = tmp_path / "charts"
    shutil.copytree(tools.charts(), disc)
    # The tests' API server was built without saying its version.
    for chart in disc.rglob("Chart.yaml"):
        chart.write_text(re.sub("^kubeVersion:.*\n", "", chart.read_text(), flags=re.MULTILINE))
    charts = f'chart=f"{disc}/{{chart.name}}",'
    here = "components/observability"
    # No repository is reached from here.
    stack = f"{here}/stack.py"
    chart_and_version = "            chart=chart.name,\n            version=chart.version,\n"
    copied(source, {stack: (chart_and_version, f"            {charts}\n")})
    for file, old, text in (
        (stack, "            repository_opts=helm.RepositoryOptsArgs(repo=chart.repository),\n", ""),
        # Nobody in the tests' cluster makes volumes.
        (
            f"{here}/charts/prometheus.py",
            '"persistentVolume": {\n                "enabled": True,',
            '"persistentVolume": {\n                "enabled": False,',
        ),
    ):
        program = (source / file).read_text()
        assert program.count(old) == 1
        (source / file).write_text(program.replace(old, text))
    data = document("dev")
    data["gaia-dmp:monitoring"] = {}
    dev = platform("dev", data, source=source)
    plan = dev.preview()
    assert not plan.error, plan.output[-3000:]
    assert {name for name, op in plan.ops.items() if op == "create"} >= RELEASES
    made = dev.up()
    assert not made.error, made.output[-3000:]
    assert dev.ids().keys() >= RELEASES
    assert dev.up().ops == {}
    data["gaia-dmp:monitoring"] = {"retention_days": 7}
    changed = dev.up()
    assert not changed.error, changed.output[-3000:]
    assert changed.ops == {"monitoring-prometheus": "update"}
    gone = dev.destroy()
    assert not gone.error, gone.output[-3000:]
    assert held(connect(cloud.clouds_yaml, "iris-gaia-red")) == {}
