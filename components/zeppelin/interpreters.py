"""Zeppelin's settings of our interpreters. Plain functions, no resource."""

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from components.names import SPARK_NAMESPACE
from components.spark.notebook_pods import NotebookPods
from components.spark.properties import spark_properties
from components.yarn.configuration import YarnCluster
from components.yarn.pods import yarn_properties
from settings.values.spark import SparkSettings

_TELL = ["python3", "-B", "/opt/platform/check_datasets.py", "tell", "/opt/platform/datasets.json"]
_TELL_PYTHON = f"import subprocess as _tell; print(_tell.run({_TELL}, capture_output=True, text=True).stdout, end='')"
_TELL_SCALA = f'print(scala.util.Try(scala.sys.process.Process(Seq({", ".join(json.dumps(word) for word in _TELL)})).!!).getOrElse(""))'
_PRECODE = {
    "spark": {"SparkInterpreter": _TELL_SCALA, "PySparkInterpreter": _TELL_PYTHON, "IPySparkInterpreter": _TELL_PYTHON},
    "python": {"PythonInterpreter": _TELL_PYTHON, "IPythonInterpreter": _TELL_PYTHON},
    "sh": {"ShellInterpreter": " ".join(_TELL)},
}
"""Interpreter group to class to what it runs once, when it starts: which datasets are lost on its node. What that prints stands above the
first paragraph's result (zeppelin: RemoteInterpreterServer.InterpretJob, 0.12.1)."""

_CONNECT = "import sys as _sys; _sys.path.append('/opt/platform'); from connect_url import connect_url"
"""The same for Python beside Spark, where a stack has Spark Connect: `connect_url()` prints how one's own machine comes to this Spark."""

_NAMESPACED = {"zeppelin.k8s.interpreter.namespace": SPARK_NAMESPACE}
_LANGUAGES: Mapping[str, Mapping[str, str]] = {
    "python": {"zeppelin.python": "python3", "zeppelin.python.useIPython": "false"},
    "md": {"markdown.parser.type": "flexmark"},
    "sh": {"shell.command.timeout.millisecs": "600000"},
    "jdbc": {},
}
"""Interpreter groups other than spark, with the properties that differ from Zeppelin's defaults."""


@dataclass(frozen=True, kw_only=True)
class InterpreterArgs:
    """What interpreters of a stack are."""

    pods: NotebookPods
    """What their Pods look like."""

    spark: SparkSettings
    """Sizes by interpreter setting, and when executors are released."""

    languages: Sequence[str] = ("python", "md")
    """Interpreter groups other than spark."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """What a process needs to reach the world."""

    maven_mirror: str | None = None
    """Address of a mirror of Maven repositories, or None."""

    yarn: YarnCluster | None = None
    """Yarn, where drivers ask it for executors; or None."""


def interpreter_settings(args: InterpreterArgs) -> str:
    """Zeppelin's settings of our interpreters, as JSON in the form of interpreter.json: one Pod per notebook, person and language."""
    spark = {"SPARK_HOME": "/opt/spark", "PYSPARK_PYTHON": "python3", "PYSPARK_DRIVER_PYTHON": "python3"}
    spark["zeppelin.spark.uiWebUrl"] = "/spark-ui/{{SERVICE_NAME}}"
    properties_of = functools.partial(spark_properties, args.pods, args.spark, maven_mirror=args.maven_mirror)
    if args.yarn:
        spark["spark.executor.instances"] = ""
        properties_of = functools.partial(yarn_properties, args.yarn, args.spark, maven_mirror=args.maven_mirror)
    kinds = {name: ("spark", properties_of(size) | spark) for name, size in args.spark.sizes().items()}
    kinds |= {language: (language, dict(_LANGUAGES[language])) for language in args.languages}
    for group, properties in kinds.values():
        properties.update({f"zeppelin.{title}.precode": code for title, code in _precode(group, args.pods).items()})
    return json.dumps(_settings({name: (group, _NAMESPACED | properties) for name, (group, properties) in kinds.items()}), indent=2)


def machine_settings(sizes: Mapping[str, Mapping[str, str]], languages: Sequence[str]) -> str:
    """The same for interpreters that are processes beside the server. sizes: setting of Spark to its properties."""
    kinds: dict[str, tuple[str, Mapping[str, str]]] = {name: ("spark", properties) for name, properties in sizes.items()}
    kinds |= {language: (language, _LANGUAGES[language]) for language in languages}
    # Zeppelin then says whose each process is. It impersonates nobody: start-interpreter.sh stands between.
    return json.dumps(_settings(kinds, impersonate=True), separators=(",", ":"))


def _settings(kinds: Mapping[str, tuple[str, Mapping[str, str]]], *, impersonate: bool = False) -> dict[str, Any]:
    settings = {
        name: {
            "id": name,
            "name": name,
            "group": group,
            "properties": {key: {"name": key, "value": value, "type": "string"} for key, value in properties.items()},
            "dependencies": [],
            "option": {
                "remote": True,
                "port": -1,
                "perNote": "isolated",
                "perUser": "isolated",
                "isExistingProcess": False,
                "isUserImpersonate": impersonate,
            },
        }
        for name, (group, properties) in kinds.items()
    }
    return {"interpreterSettings": settings}


def _precode(group: str, pods: NotebookPods) -> dict[str, str]:
    """What an interpreter runs when it starts, by class. group: its interpreter group."""
    found = dict(_PRECODE.get(group, {})) if pods.mounts else {}
    if pods.connect and group == "spark":
        for title in ("PySparkInterpreter", "IPySparkInterpreter"):
            found[title] = "\n".join(code for code in (found.get(title), _CONNECT) if code)
    return found
