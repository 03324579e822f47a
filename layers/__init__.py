"""The layers of the platform, each built on those before it: plain functions that return frozen dataclasses."""
