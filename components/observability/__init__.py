"""Metrics, alerts, dashboards and the test notebook."""
