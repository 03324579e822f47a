"""Grafana's dashboards as code: for an astronomer, for an operator, and for the question which hardware to ask for. Plain functions.

Each panel's query is run against a real Prometheus that has scraped a real Spark run (tests/cloud/test_metrics.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import DashboardLinkType, DataSourceRef

from components import names

SOURCE = DataSourceRef(type_val="prometheus", uid="prometheus")
MINE = 'person="${__user.login}"'
"""Selects what belongs to whoever looks. The gateway tells Grafana who that is, in the form that the names of objects have."""

IN_SPARK = f'namespace="{names.SPARK_NAMESPACE}"'
MY_QUOTAS = names.person_quota("(driver|executor)", "${__user.login}")
"""A regular expression for the quotas of whoever looks."""


@dataclass(frozen=True)
class Panel:
    """One panel. queries: PromQL to the legend of its lines. unit: Grafana's name of it. text: what a person should read from it."""

    title: str
    text: str
    unit: str
    queries: dict[str, str]


NOTEBOOK = (
    Panel(
        "My executors",
        "How many processes work for your notebooks now, and how many Spark would like to have.",
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
        "Tasks at work, against the number that fit. A flat line far below means that the data has too few partitions.",
        "short",
        {
            f'sum by (pod) (metrics_executor_activeTasks{{{MINE}, executor_id!="driver"}})': "{{pod}} running",
            f'sum by (pod) (metrics_executor_maxTasks{{{MINE}, executor_id!="driver"}})': "{{pod}} would fit",
        },
    ),
    Panel(
        "Time of a task",
        "Seconds of an average task that ended within the last five minutes. Around 0.1 s the overhead is larger than the work.",
        "s",
        {
            f"sum by (pod) (rate(metrics_executor_totalDuration_seconds_total{{{MINE}}}[5m]))"
            f" / sum by (pod) (rate(metrics_executor_completedTasks_total{{{MINE}}}[5m]) > 0)": "{{pod}}"
        },
    ),
    Panel(
        "Garbage collection",
        "Part of the tasks' time that the JVM spends on its own memory. Above a tenth, take a profile with larger executors.",
        "percentunit",
        {
            f"sum by (pod) (rate(metrics_executor_totalGCTime_seconds_total{{{MINE}}}[5m]))"
            f" / (sum by (pod) (rate(metrics_executor_totalDuration_seconds_total{{{MINE}}}[5m])) > 0)": "{{pod}}"
        },
    ),
    Panel(
        "Memory of the JVM",
        "The largest heap of any executor, and the largest Python beside one. A process that grows into its limit is killed.",
        "bytes",
        {
            f"max by (pod) (metrics_executor_JVMHeapMemory_bytes{{{MINE}}})": "{{pod}} heap",
            f"max by (pod) (metrics_executor_ProcessTreePythonRSSMemory_bytes{{{MINE}}})": "{{pod}} Python",
        },
    ),
    Panel(
        "Spilled to disc",
        "What did not fit into memory and went to local scratch. A little is normal. As much as the shuffle calls for larger executors.",
        "bytes",
        {f"sum by (pod) (spark_stage_disk_bytes_spilled{{{MINE}}})": "{{pod}}"},
    ),
    Panel(
        "Data read",
        "Bytes a second that your notebooks read from catalogues.",
        "Bps",
        {f"sum by (pod) (rate(metrics_executor_totalInputBytes_bytes_total{{{MINE}}}[5m]))": "{{pod}}"},
    ),
    Panel(
        "Shuffled",
        "Bytes a second that executors write for each other.",
        "Bps",
        {f"sum by (pod) (rate(metrics_executor_totalShuffleWrite_bytes_total{{{MINE}}}[5m]))": "{{pod}}"},
    ),
    Panel(
        "Failed tasks",
        "Tasks that failed within five minutes. Spark tries each four times.",
        "short",
        {f"sum by (pod) (increase(metrics_executor_failedTasks_total{{{MINE}}}[5m]))": "{{pod}}"},
    ),
    Panel(
        "My part of what I may have",
        "Of your own limits: 1 is full, and what you start then waits.",
        "percentunit",
        {
            f"max by (resourcequota, resource) (gaia_dmp:quota:used_ratio{{{IN_SPARK},"
            f' resourcequota=~"{MY_QUOTAS}"}})': "{{resourcequota}} {{resource}}"
        },
    ),
)

PLATFORM = (
    Panel("Nodes", "Nodes that are ready, and those that are not.", "short", {
        'sum by (status) (kube_node_status_condition{condition="Ready"})': "ready {{status}}",
    }),
    Panel("Quota used", "Of all notebooks together: 1 is full.", "percentunit", {
        f'gaia_dmp:quota:used_ratio{{{IN_SPARK}, resourcequota="{names.NOTEBOOKS_QUOTA}"}}': "{{resource}}",
    }),
    Panel("Who uses what", "Executors by person.", "short", {"gaia_dmp:person:executors": "{{person}}"}),
    Panel("Pods that wait", "Pods without a node yet, by namespace.", "short", {
        'sum by (namespace) (kube_pod_status_phase{namespace=~"gaia-.*", phase="Pending"})': "{{namespace}}",
    }),
    Panel("Lost mounts", "Datasets that do not answer, by node. Nothing should be here.", "short", {
        "sum by (dataset, node) (gaia_dmp_dataset_up == bool 0)": "{{dataset}} on {{node}}",
    }),
    Panel("How long a look at a dataset takes", "Seconds that a listing of the first folder takes. It grows before a mount is lost.", "s", {
        "max by (dataset) (gaia_dmp_dataset_look_seconds)": "{{dataset}}",
    }),
    Panel("Idle interpreters", "Interpreters that have no job now, by person. They hold memory until their time limit.", "short", {
        "count by (person) (gaia_dmp:interpreter:active_jobs == 0)": "{{person}}",
    }),
    Panel("Test notebook", "Seconds of each step of the test notebook.", "s", {
        "max by (step) (gaia_dmp_smoke_test_step_seconds)": "{{step}}",
    }),
    Panel("Zeppelin's memory", "Heap of the server.", "bytes", {
        'sum(jvm_memory_used_bytes{job="zeppelin", area="heap"})': "used",
        'sum(jvm_memory_max_bytes{job="zeppelin", area="heap"} > 0)': "limit",
    }),
    Panel("Alerts", "What fires now.", "short", {'count by (alertname, severity) (ALERTS{alertstate="firing"})': "{{alertname}}"}),
)  # fmt: skip

HARDWARE = (
    Panel("Processors", "Part of each node's processors that works.", "percentunit", {
        '1 - avg by (node) (rate(node_cpu_seconds_total{mode="idle"}[5m]))': "{{node}}",
    }),
    Panel("Stolen processors", "Part of its processors' time that a node wanted and another tenant of the hypervisor had.", "percentunit", {
        'avg by (node) (rate(node_cpu_seconds_total{mode="steal"}[5m]))': "{{node}}",
    }),
    Panel("Waiting for discs", "Part of the time in which processors wait for a disc or for Ceph.", "percentunit", {
        'avg by (node) (rate(node_cpu_seconds_total{mode="iowait"}[5m]))': "{{node}}",
    }),
    Panel("Network in", "Bytes a second that reach each node, CephFS among them.", "Bps", {
        'sum by (node) (rate(node_network_receive_bytes_total{device!~"lo|veth.*|cali.*|lxc.*|cilium.*|cni.*"}[5m]))': "{{node}}",
    }),
    Panel("Network out", "Bytes a second that leave each node.", "Bps", {
        'sum by (node) (rate(node_network_transmit_bytes_total{device!~"lo|veth.*|cali.*|lxc.*|cilium.*|cni.*"}[5m]))': "{{node}}",
    }),
    Panel("Read from Ceph", "Bytes a second that executors on a node read from catalogues, as Spark counts them when a task ends.", "Bps", {
        "gaia_dmp:node:data_read_bytes:rate5m": "{{node}}",
    }),
    Panel("Memory left", "What programs on a node could still get.", "bytes", {
        "min by (node) (node_memory_MemAvailable_bytes)": "{{node}}",
    }),
    Panel("Disc left", "Of each node's own disc, which holds scratch and images.", "bytes", {
        'min by (node) (node_filesystem_avail_bytes{mountpoint="/", fstype!~"tmpfs|overlay|squashfs"})': "{{node}}",
    }),
)  # fmt: skip

DASHBOARDS = {
    "notebook": ("My notebooks", NOTEBOOK),
    "platform": ("The platform", PLATFORM),
    "hardware": ("Hardware", HARDWARE),
}
"""Name of a dashboard, which is its uid and file, to title and panels."""


def dashboard_files() -> dict[str, str]:
    """The dashboards as JSON, by file name."""
    return {f"{name}.json": _json(name, title, panels) for name, (title, panels) in DASHBOARDS.items()}


def _json(name: str, title: str, panels: Sequence[Panel]) -> str:
    builder = dashboard.Dashboard(f"gaia-dmp: {title}").uid(f"gaia-dmp-{name}").tags(["gaia-dmp"]).refresh("1m").time("now-3h", "now")
    builder.readonly().timezone("browser")
    builder.link(dashboard.DashboardLink("gaia-dmp").type(DashboardLinkType.DASHBOARDS).tags(["gaia-dmp"]).keep_time(True))  # noqa: FBT003
    for panel in panels:
        drawn = timeseries.Panel().title(panel.title).description(panel.text).unit(panel.unit).datasource(SOURCE).min(0).span(12).height(8)
        for letter, (query, legend) in zip("ABCD", panel.queries.items(), strict=False):
            drawn.with_target(prometheus.Dataquery().ref_id(letter).expr(query).legend_format(legend).datasource(SOURCE))
        builder.with_panel(drawn)
    return JSONEncoder(sort_keys=True, indent=1).encode(builder.build())
