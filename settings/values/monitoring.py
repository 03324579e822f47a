"""Settings of metrics, alerts and the smoke test."""

from typing import Annotated, Literal

from pydantic import Field

from settings.values.vocabulary import ConfigKey, GiB, Name, ObjectName, Settings, Url


class Alerts(Settings):
    """Where alerts are sent. The address needs an egress rule for `alerts` in `outside.egress`."""

    kind: Annotated[Literal["webhook", "slack"], Field(examples=["slack"])]
    """`slack` for an incoming webhook of Slack, Mattermost or Rocket.Chat; `webhook` for a receiver of Alertmanager's own JSON."""

    url_secret: Annotated[ConfigKey, Field(examples=["alerts-url"])]
    """Name of the config key that holds the address: pulumi config set --secret gaia-dmp:<this name>."""


class SmokeTest(Settings):
    """A notebook that counts, cross-matches and plots. It runs through Zeppelin's REST API with its own account."""

    user: Annotated[Name, Field(max_length=20)] = "smoke-test"
    """Login name. With a local login the stack creates the account; with an LDAP login it must be in the directory."""

    password_secret: ConfigKey | None = None
    """Name of the config key that holds its password; required with an LDAP login, not allowed with a local login."""

    every_minutes: Annotated[int, Field(ge=10, le=10080)] = 360
    """Minutes from one run to the next."""

    slow_seconds: Annotated[int, Field(ge=10, le=7200)] = 300
    """Seconds after which a successful run counts as slow. A run includes the start of an interpreter and, in the worst case, of a node."""


class MonitoringSettings(Settings):
    """Prometheus, Alertmanager and Grafana, installed from their upstream charts."""

    retention_days: Annotated[int, Field(ge=1, le=1000)] = 30
    """Days for which Prometheus keeps metrics."""

    size_gib: Annotated[GiB, Field(examples=[50])] = 50
    """Size of Prometheus' volume, in GiB."""

    storage_class: ObjectName | None = None
    """Storage class of that volume; by default the cluster's default class. The volume is deleted with the cluster."""

    runbooks: Url | None = None
    """Web address of docs/runbooks, for links in alerts; by default alerts name the file."""

    alerts: Alerts | None = None
    """Where alerts are sent. By default they are only visible in Grafana."""

    smoke_test: SmokeTest = SmokeTest()
    """The notebook that tests the whole platform at intervals."""
