"""`python -m recording.schema`: the JSON Schema of `recording.json`, written to schema/recording.schema.json."""

import json
from pathlib import Path

from pydantic import TypeAdapter

from recording.model import Recording

SCHEMA = Path(__file__).resolve().parent.parent / "schema" / "recording.schema.json"


def recording_schema() -> str:
    """JSON Schema of `recording.json`, made from the dataclasses of the model."""
    return json.dumps(TypeAdapter(Recording).json_schema(), indent=2) + "\n"


if __name__ == "__main__":
    SCHEMA.write_text(recording_schema(), encoding="utf-8")
