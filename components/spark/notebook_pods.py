"""What Pods of notebooks look like: templates make them so, and admission holds everybody to it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from settings.values.dataset import Dataset


@dataclass(frozen=True, kw_only=True)
class Priorities:
    """Names of PriorityClasses. That of a person's drivers or executors is `<it>-<person>`."""

    server: str
    """Of servers, which stand beside notebooks."""

    driver: str
    """Of drivers and other interpreters."""

    executor: str
    """Of executors, which wait rather than push anything out."""


@dataclass(frozen=True, kw_only=True)
class Identities:
    """Who Pods of notebooks are: for the API server by their account, for the scheduler and quotas by their PriorityClass."""

    driver: str
    """ServiceAccount of drivers; that of a person's is `<it>-<person>`."""

    executor: str
    """ServiceAccount of executors."""

    interpreter: str
    """ServiceAccount of all other interpreters."""

    priorities: Priorities
    """PriorityClasses."""

    people: Mapping[str, str]
    """Login names of those who have limits of their own, to what they are in names of objects."""


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A dataset inside Pods, read-only."""

    dataset: Dataset
    """The dataset, with its path and what it must hold."""

    claim: str
    """Name of its claim."""


@dataclass(frozen=True, kw_only=True)
class NotebookPods:
    """What interpreters and executors of a stack have in common."""

    identities: Identities
    """Accounts, PriorityClasses and people."""

    spark_image: str
    """Image of drivers, executors and other interpreters."""

    zeppelin_image: str
    """Image that an initContainer copies Zeppelin from."""

    mounts: Sequence[Mount] = ()
    """Datasets that all of them mount."""

    node_selector: Mapping[str, str] = field(default_factory=dict)
    """Labels of the Spark nodes."""

    gpu_nodes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Pools on which executors have a GPU, to the labels of their nodes."""

    pull_secret: str | None = None
    """Name of the pull secret, or None."""

    user_space: bool = False
    """Whether people have a claim `user-<person>` each, which their own Pods may mount and write."""

    fs_group: int | None = None
    """Group that owns those claims' volumes, or None."""

    hadoop_conf: str | None = None
    """Secret with Hadoop's configuration, which drivers alone mount; or None."""

    history: bool = False
    """Whether drivers write their event logs on the claim of the history server, each person's in a folder of their own."""

    connect: str | None = None
    """Where clients of Spark Connect come to the platform, such as `sc://gaia.example.org:443`; None where drivers do not serve it."""

    yarn: bool = False
    """Whether drivers ask Yarn for executors, and Kubernetes for nothing."""

    models: bool = False
    """Whether drivers and executors have a server of models."""

    queue: str | None = None
    """LocalQueue of Kueue in which Pods wait, or None where there is no Kueue."""

    web_identity: str | None = None
    """Audience of the token by which the cloud's provider knows Pods, or None."""

    @property
    def queue_labels(self) -> dict[str, str]:
        """Labels by which Kueue knows Pods as its own."""
        return {"kueue.x-k8s.io/queue-name": self.queue} if self.queue else {}
