"""Settings of metrics, alerts and the notebook that is run to see that all works."""

from typing import Annotated, Literal

from pydantic import Field

from settings.values.vocabulary import ConfigKey, GiB, Name, ObjectName, Settings, Url


class Alerts(Settings):
    """Who is told. Let `outside.egress` lead `alerts` there."""

    kind: Annotated[Literal["webhook", "slack"], Field(examples=["slack"])]
    """`slack` for the incoming webhook of Slack, Mattermost or Rocket.Chat; `webhook` for whatever takes Alertmanager's own JSON."""

    url_secret: Annotated[ConfigKey, Field(examples=["alerts-url"])]
    """Name of the config key that holds the address: pulumi config set --secret gaia-dmp:<this name>."""


class SmokeTest(Settings):
    """A notebook that counts, cross-matches and plots, run through Zeppelin's REST API as a person of its own."""

    user: Annotated[Name, Field(max_length=20)] = "smoke-test"
    """Login name. With login local the stack makes it, with login ldap the directory must know it."""

    password_secret: ConfigKey | None = None
    """Name of the config key that holds its password; wanted with login ldap, of no use with login local."""

    every_minutes: Annotated[int, Field(ge=10, le=10080)] = 360
    """Minutes from one run to the next."""

    slow_seconds: Annotated[int, Field(ge=10, le=7200)] = 300
    """Seconds after which a run that succeeds counts as slow. It holds the start of an interpreter and, at worst, of a node."""


class MonitoringSettings(Settings):
    """Prometheus, Alertmanager and Grafana, from their upstream charts."""

    retention_days: Annotated[int, Field(ge=1, le=1000)] = 30
    """Days for which Prometheus keeps metrics."""

    size_gib: Annotated[GiB, Field(examples=[50])] = 50
    """Size of Prometheus' volume, in GiB."""

    storage_class: ObjectName | None = None
    """Storage class of that volume; by default the cluster's default class. It ends with the cluster."""

    runbooks: Url | None = None
    """Address under which people find your docs/runbooks, for the links of alerts; by default they name the file."""

    alerts: Alerts | None = None
    """Who is told; by default nobody, and alerts are seen in Grafana alone."""

    smoke_test: SmokeTest = SmokeTest()
    """The notebook that is run to see that all works."""
