"""Grafana's dashboards as code: one for astronomers, one for operators, and one for planning hardware.

tests/cloud/test_metrics.py runs each query on a real Prometheus that has scraped a real Spark run, and draws docs/images/dashboards.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import StackingMode
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef

from components import names

SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
MINE = 'person="${__user.login}"'
"""Selects what belongs to the viewer. The gateway passes the viewer's name to Grafana, in the form that names of objects have."""

IN_SPARK = f'namespace="{names.SPARK_NAMESPACE}"'
MY_QUOTAS = names.person_quota("(driver|executor)", "${__user.login}")
"""A regular expression for the viewer's quotas."""


@dataclass(frozen=True)
class Panel:
    """One panel. queries: PromQL to the legend of its lines. unit: Grafana's name for it. text: how to read the panel. stacked: whether
    lines stand on top of each other, so that equal ones are all seen.
    """

    title: str
    text: str
    unit: str
    queries: dict[str, str]
    stacked: bool = False


NOTEBOOK = (
    Panel(
        "My executors",
        "The executors of your notebooks, and how many Spark would like to have.",
        "short",
        {
            f"sum by (pod) (metrics_zeppelin_driver_ExecutorAllocationManager_executors_numberAllExecutors_Value{{{MINE}}})": "{{pod}}",
            f"sum by (pod) (metrics_zeppelin_driver_ExecutorAllocationManager_executors_numberMaxNeededExecutors_Value{{{MINE}}})": (
                "{{pod}} wanted"
            ),
        },
    ),
    Panel(
        "Running tasks",
        "Running tasks, and the number that could run at once. If far fewer run, the data has too few partitions.",
        "short",
        {
            f'sum by (pod) (metrics_executor_activeTasks{{{MINE}, executor_id!="driver"}})': "{{pod}} running",
            f'sum by (pod) (metrics_executor_maxTasks{{{MINE}, executor_id!="driver"}})': "{{pod}} could run",
        },
    ),
    Panel(
        "Task duration",
        "Average duration of the tasks that ended in the last five minutes. Below 0.1 s, the overhead exceeds the work.",
        "s",
        {
            f"sum by (pod) (rate(metrics_executor_totalDuration_seconds_total{{{MINE}}}[5m]))"
            f" / sum by (pod) (rate(metrics_executor_completedTasks_total{{{MINE}}}[5m]) > 0)": "{{pod}}"
        },
    ),
    Panel(
        "Garbage collection",
        "Share of the tasks' time that the JVM spends on garbage collection. Above 10 %, use a profile with larger executors.",
        "percentunit",
        {
            f"sum by (pod) (rate(metrics_executor_totalGCTime_seconds_total{{{MINE}}}[5m]))"
            f" / (sum by (pod) (rate(metrics_executor_totalDuration_seconds_total{{{MINE}}}[5m])) > 0)": "{{pod}}"
        },
    ),
    Panel(
        "Memory of executors",
        "The largest heap of an executor, and the largest Python process. A process that reaches its limit is killed.",
        "bytes",
        {
            f"max by (pod) (metrics_executor_JVMHeapMemory_bytes{{{MINE}}})": "{{pod}} heap",
            f"max by (pod) (metrics_executor_ProcessTreePythonRSSMemory_bytes{{{MINE}}})": "{{pod}} Python",
        },
    ),
    Panel(
        "Spilled to disk",
        "Data that did not fit into memory and went to local disk. If it is as much as the shuffle, use larger executors.",
        "bytes",
        {f"sum by (pod) (spark_stage_disk_bytes_spilled{{{MINE}}})": "{{pod}}"},
    ),
    Panel(
        "Data read",
        "Bytes per second that your notebooks read from catalogues.",
        "Bps",
        {f"sum by (pod) (rate(metrics_executor_totalInputBytes_bytes_total{{{MINE}}}[5m]))": "{{pod}}"},
    ),
    Panel(
        "Shuffle",
        "Bytes per second that executors write for each other.",
        "Bps",
        {f"sum by (pod) (rate(metrics_executor_totalShuffleWrite_bytes_total{{{MINE}}}[5m]))": "{{pod}}"},
    ),
    Panel(
        "Failed tasks",
        "Tasks that failed in the last five minutes. Spark tries each task four times.",
        "short",
        {f"sum by (pod) (increase(metrics_executor_failedTasks_total{{{MINE}}}[5m]))": "{{pod}}"},
    ),
    Panel(
        "My quota",
        "How much of your own limits you use. At 100 %, whatever you start must wait.",
        "percentunit",
        {
            f"max by (resourcequota, resource) (gaia_dmp:quota:used_ratio{{{IN_SPARK},"
            f' resourcequota=~"{MY_QUOTAS}"}})': "{{resourcequota}} {{resource}}"
        },
    ),
)

PLATFORM = (
    Panel("Nodes", "Nodes that are ready, and nodes that are not.", "short", {
        'sum by (status) (kube_node_status_condition{condition="Ready"})': "ready: {{status}}",
    }),
    Panel("Quota used", "How much of their quota all notebooks together use.", "percentunit", {
        f'gaia_dmp:quota:used_ratio{{{IN_SPARK}, resourcequota="{names.NOTEBOOKS_QUOTA}"}}': "{{resource}}",
    }),
    Panel("Executors by person", "How many executors each person has.", "short", {"gaia_dmp:person:executors": "{{person}}"}),
    Panel("Pending Pods", "Pods that do not run yet, by namespace.", "short", {
        'sum by (namespace) (kube_pod_status_phase{namespace=~"gaia-.*", phase="Pending"})': "{{namespace}}",
    }),
    Panel("Lost mounts", "1 if a dataset does not answer on a node. All lines should be at 0.", "short", {
        "sum by (dataset, node) (gaia_dmp_dataset_up == bool 0)": "{{dataset}} on {{node}}",
    }),
    Panel("Time to list a dataset", "Seconds to list the first folder of a dataset. They grow before a mount is lost.", "s", {
        "max by (dataset) (gaia_dmp_dataset_look_seconds)": "{{dataset}}",
    }),
    Panel("Idle interpreters", "Interpreters without a job, by person. They keep their memory until their time limit.", "short", {
        "count by (person) (gaia_dmp:interpreter:active_jobs == 0)": "{{person}}",
    }),
    Panel("Test notebook", "Seconds for each step of the test notebook.", "s", {
        "max by (step) (gaia_dmp_smoke_test_step_seconds)": "{{step}}",
    }),
    Panel("Zeppelin's memory", "Heap of the Zeppelin server.", "bytes", {
        'sum(jvm_memory_used_bytes{job="zeppelin", area="heap"})': "used",
        'sum(jvm_memory_max_bytes{job="zeppelin", area="heap"} > 0)': "limit",
    }),
    Panel("Alerts", "Alerts that fire, on top of each other.", "short", {
        'count by (alertname, severity) (ALERTS{alertstate="firing"})': "{{alertname}}",
    }, stacked=True),
)  # fmt: skip

HARDWARE = (
    Panel("Processors", "Share of each node's processors in use.", "percentunit", {
        '1 - avg by (node) (rate(node_cpu_seconds_total{mode="idle"}[5m]))': "{{node}}",
    }),
    Panel("Stolen processor time", "Share of processor time that a node lost to other virtual machines on its host.", "percentunit", {
        'avg by (node) (rate(node_cpu_seconds_total{mode="steal"}[5m]))': "{{node}}",
    }),
    Panel("Waiting for disks", "Share of processor time spent waiting for a disk or for Ceph.", "percentunit", {
        'avg by (node) (rate(node_cpu_seconds_total{mode="iowait"}[5m]))': "{{node}}",
    }),
    Panel("Network in", "Bytes per second that each node receives, including CephFS.", "Bps", {
        'sum by (node) (rate(node_network_receive_bytes_total{device!~"lo|veth.*|cali.*|lxc.*|cilium.*|cni.*"}[5m]))': "{{node}}",
    }),
    Panel("Network out", "Bytes per second that each node sends.", "Bps", {
        'sum by (node) (rate(node_network_transmit_bytes_total{device!~"lo|veth.*|cali.*|lxc.*|cilium.*|cni.*"}[5m]))': "{{node}}",
    }),
    Panel("Data read", "Bytes per second that executors on a node read from catalogues. Spark counts them when a task ends.", "Bps", {
        "gaia_dmp:node:data_read_bytes:rate5m": "{{node}}",
    }),
    Panel("Available memory", "Memory that programs on a node can still get.", "bytes", {
        "min by (node) (node_memory_MemAvailable_bytes)": "{{node}}",
    }),
    Panel("Available disk", "Free space on each node's own disk, which holds scratch and images.", "bytes", {
        'min by (node) (node_filesystem_avail_bytes{mountpoint="/", fstype!~"tmpfs|overlay|squashfs"})': "{{node}}",
    }),
)  # fmt: skip

MODELS = (
    Panel("Requests", "Requests per second to the server of models, from drivers, executors, and browsers by the gateway.", "reqps", {
        "sum by (caller) (rate(gaia_dmp_models_requests_total[5m]))": "{{caller}}",
    }),
    Panel("Requests that fail", "Requests per second that the server refuses (4xx), and that fail on it (5xx).", "reqps", {
        'sum by (status) (rate(gaia_dmp_models_requests_total{status=~"4xx|5xx"}[5m]))': "{{status}}",
    }),
    Panel("Time of a request", "Average seconds of a request. One process answers, and writes one thing at a time.", "s", {
        "sum by (caller) (rate(gaia_dmp_models_request_seconds_total[5m]))"
        " / (sum by (caller) (rate(gaia_dmp_models_requests_total[5m])) > 0)": "{{caller}}",
    }),
    Panel("Space", "Size of the volume of models, what is used of it, and the database.", "bytes", {
        "max(gaia_dmp_models_space_bytes)": "volume",
        "max(gaia_dmp_models_space_bytes - gaia_dmp_models_free_bytes)": "used",
        "max(gaia_dmp_models_database_bytes)": "database",
    }),
)  # fmt: skip

DASHBOARDS = {
    "notebook": ("My notebooks", NOTEBOOK),
    "platform": ("The platform", PLATFORM),
    "hardware": ("Hardware", HARDWARE),
}
"""Name of a dashboard, which is its uid and file, to title and panels."""

WITH_MODELS = {"models": ("Models", MODELS)}
"""The same of a stack with models."""


def dashboard_files(*, models: bool = False) -> dict[str, str]:
    """The dashboards as JSON, by file name. models: whether the stack has a server of models."""
    boards = DASHBOARDS | WITH_MODELS if models else DASHBOARDS
    return {f"{name}.json": _json(name, title, panels) for name, (title, panels) in boards.items()}


def _json(name: str, title: str, panels: Sequence[Panel]) -> str:
    builder = dashboard.Dashboard(f"gaia-dmp: {title}").uid(f"gaia-dmp-{name}").tags(["gaia-dmp"]).refresh("1m").time("now-3h", "now")
    builder.readonly().timezone("browser")
    builder.link(dashboard.DashboardLink("gaia-dmp").type(DashboardLinkType.DASHBOARDS).tags(["gaia-dmp"]).keep_time(True))  # noqa: FBT003
    for panel in panels:
        drawn = timeseries.Panel().title(panel.title).description(panel.text).unit(panel.unit).datasource(SOURCE).min(0).span(12).height(8)
        if panel.stacked:
            drawn.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
        for letter, (query, legend) in zip("ABCD", panel.queries.items(), strict=False):
            drawn.with_target(prometheus.Dataquery().ref_id(letter).expr(query).legend_format(legend).datasource(SOURCE))
        builder.with_panel(drawn)
    return JSONEncoder(sort_keys=True, indent=1).encode(builder.build())
