"""What Zeppelin makes interpreters from and Spark makes executors from, and how an interpreter's files come to it."""

import json
import os
import re
import shutil
import subprocess
import time
from dataclasses import replace
from typing import Any

import jinja2
import pytest
import yaml

from components.files import COMPONENTS
from components.spark.notebook_pods import NotebookPods
from components.spark.templates import executor_template, interpreter_template
from preview import manifests
from tests.support.hostile import HOSTILE
from tests.support.notebooks import INTERPRETERS, PODS, SIZE, SPARK

COPY = str(COMPONENTS / "spark/files/copy-zeppelin.sh")


def rendered(language: str = "spark", pods: NotebookPods = PODS, **bindings: Any) -> list[dict]:
    """Both objects of the template. Jinja2 stands in for jinjava here; the two filters that only jinjava has are added."""
    environment = jinja2.Environment(autoescape=False)
    environment.filters["regex_replace"] = lambda value, pattern, by: re.sub(pattern, by, value)
    values = {
        "user": "alice",
        "pod": {"name": "spark-isolated-2abc-xyz"},
        "group": {"id": "spark-alice-2ABC", "name": language},
        "setting": {"name": language},
    }
    interpreter = values | {"namespace": "evil", "serviceAccount": "admin", "container": {"image": "evil:1"}} | bindings
    envs = bindings.get("envs", {"INTERPRETER_GROUP_ID": "spark-alice-2ABC"})
    template = interpreter_template(pods, SPARK.sizes(), INTERPRETERS.environment, "files-1", SPARK.languages)
    out = environment.from_string(template).render(zeppelin={"k8s": {"interpreter": interpreter, "envs": envs}})
    return list(yaml.safe_load_all(out))


class TestInterpreterTemplate:
    @pytest.mark.parametrize("person", ["alice", "carol"])
    def test_a_driver_beside_yarn_has_no_token_and_a_name(self, person):
        pod, service = rendered(pods=replace(PODS, yarn=True, history=True), user=person)
        assert manifests.check([pod, service], "1.35") == []
        user = pod["metadata"]["labels"]["gaia-dmp/user"]
        assert user in {"alice", "guest.carol"}
        assert pod["spec"]["automountServiceAccountToken"] is False
        (container,) = pod["spec"]["containers"]
        environment = {each["name"]: each["value"] for each in container["env"]}
        assert environment["HADOOP_USER_NAME"] == user
        for each in (*pod["spec"]["initContainers"], container):
            folders = {mount["mountPath"]: mount["subPath"] for mount in each["volumeMounts"] if mount["name"] == "history"}
            assert folders == {"/history": user, f"/staging/{user}": f".yarn/{user}"}

    @pytest.mark.parametrize("group", ["spark", "python", "md"])
    def test_pod_and_service_are_in_the_strict_schema(self, group):
        pod, service = rendered(group)
        assert (pod["kind"], service["kind"]) == ("Pod", "Service")
        assert manifests.check([pod, service], "1.35") == []

    def test_only_spark_gets_a_token(self):
        for group, account, token in (
            ("spark", "spark-driver-alice", True),
            ("python", "interpreter", False),
            ("md", "interpreter", False),
        ):
            spec = rendered(group)[0]["spec"]
            assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == (account, token)

    def test_a_notebook_chooses_neither_namespace_nor_account_nor_image(self):
        pod, service = rendered()
        assert pod["metadata"]["namespace"] == service["metadata"]["namespace"] == "gaia-spark"
        assert [c["image"] for c in pod["spec"]["initContainers"] + pod["spec"]["containers"]] == [
            "apache/zeppelin:0.12.1",
            "apache/spark:3.5.8",
        ]

    def test_it_passes_restricted(self):
        spec = rendered()[0]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["initContainers"] + spec["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }

    def test_data_is_mounted_read_only(self):
        spec = rendered()[0]["spec"]
        mount = next(m for m in spec["containers"][0]["volumeMounts"] if m["mountPath"] == "/data/gaia/GDR3")
        volume = next(v for v in spec["volumes"] if v["name"] == mount["name"])
        assert mount["readOnly"] is True
        assert volume["persistentVolumeClaim"] == {"claimName": "data-gdr3", "readOnly": True}

    def test_size_and_scratch_are_bounded(self):
        spec = rendered()[0]["spec"]
        resources = spec["containers"][0]["resources"]
        assert resources["requests"] == {"cpu": "2", "memory": "5Gi", "ephemeral-storage": "8Gi"}
        assert resources["limits"] == resources["requests"] | {"cpu": "4"}
        assert all("sizeLimit" in v["emptyDir"] for v in spec["volumes"] if "emptyDir" in v)

    def test_the_service_finds_the_pod_and_no_other(self):
        pod, service = rendered()
        assert service["spec"]["clusterIP"] == "None"
        assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        assert {p["port"] for p in service["spec"]["ports"]} == {12321, 22321, 22322, 4040}
        assert {p["port"] for p in rendered("md")[1]["spec"]["ports"]} == {12321}

    def test_spark_connect_is_served_by_drivers_of_a_stack_that_has_it(self):
        on = replace(PODS, connect="sc://gaia.example.org:443")
        pod, service = rendered(pods=on)
        assert manifests.check([pod, service], "1.35") == []
        address = {"name": "CONNECT_ADDRESS", "value": "sc://gaia.example.org:443/;x-driver=spark-isolated-2abc-xyz"}
        assert address in pod["spec"]["containers"][0]["env"]
        assert {"name": "connect", "containerPort": 15002} in pod["spec"]["containers"][0]["ports"]
        assert {"name": "connect", "port": 15002} in service["spec"]["ports"]
        for other in (rendered("python", pods=on), rendered()):
            assert "onnect" not in json.dumps(other)

    def test_drivers_and_executors_of_a_stack_with_models_find_them(self):
        on = replace(PODS, models=True)
        pod, _ = rendered(pods=on)
        assert manifests.check([pod], "1.35") == []
        address = {"name": "MLFLOW_TRACKING_URI", "value": "http://models.gaia-zeppelin.svc:5000"}
        assert address in pod["spec"]["containers"][0]["env"]
        mine = rendered(pods=on, envs={"MLFLOW_TRACKING_URI": "http://evil.example.org"})[0]["spec"]["containers"][0]["env"]
        assert [each["value"] for each in mine if each["name"] == "MLFLOW_TRACKING_URI"] == [address["value"]]
        for other in (rendered("python", pods=on), rendered()):
            assert "MLFLOW" not in json.dumps(other)

    @pytest.mark.parametrize("hostile", HOSTILE)
    def test_hostile_values_stay_values(self, hostile):
        pod, service = rendered(user=hostile, group={"id": hostile, "name": "spark"}, envs={"A": hostile, "SPARK_HOME": hostile})
        assert manifests.check([pod, service], "1.35") == []
        plain = rendered()[0]
        persons = ("containers", "initContainers", "serviceAccountName", "priorityClassName")
        assert {k: v for k, v in pod["spec"].items() if k not in persons} == {k: v for k, v in plain["spec"].items() if k not in persons}
        assert pod["spec"]["serviceAccountName"] == ("spark-driver-a-b-org" if hostile == "a@b.org" else "spark-driver")
        for label in pod["metadata"]["labels"].values():
            assert re.fullmatch(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?", label), label
        environment = {e["name"]: e["value"] for e in pod["spec"]["containers"][0]["env"]}
        assert environment["SPARK_HOME"] == "/opt/spark"
        assert "$(" not in environment["A"]
        assert "{" not in environment["A"]

    @pytest.mark.parametrize(
        ("user", "label"), [("alice", "alice"), ("a@b.org", "a-b-org"), (" First Last ", "guest.First-Last"), ("", "guest")]
    )
    def test_people_find_their_pods(self, user, label):
        assert rendered(user=user)[0]["metadata"]["labels"]["gaia-dmp/user"] == label


class TestExecutorTemplate:
    def test_it_is_in_the_strict_schema_once_spark_has_filled_it(self):
        pod = yaml.safe_load(executor_template(PODS, SIZE.executor))
        pod["metadata"]["name"] = "exec-1"
        pod["spec"]["containers"][0]["image"] = "apache/spark:3.5.8"
        assert manifests.check([pod], "1.35") == []

    def test_no_token_no_rights_and_the_same_data(self):
        spec = yaml.safe_load(executor_template(PODS, SIZE.executor))["spec"]
        assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("spark-executor", False)
        assert spec["nodeSelector"] == {"pool": "spark"}
        driver = {m["mountPath"] for m in rendered()[0]["spec"]["containers"][0]["volumeMounts"] if m["mountPath"].startswith("/data")}
        executor = {m["mountPath"] for m in spec["containers"][0]["volumeMounts"] if m["mountPath"].startswith("/data")}
        assert driver == executor == {"/data/gaia/GDR3"}
        assert spec["containers"][0]["resources"]["limits"] == {"ephemeral-storage": "20Gi"}


def test_copy_zeppelin_takes_what_one_interpreter_needs(tmp_path):
    home, target = tmp_path / "zeppelin", tmp_path / "copy"
    for name in ("bin/interpreter.sh", "conf/log4j.properties", "interpreter/spark/a.jar", "interpreter/md/b.jar"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("x")
    (home / "interpreter/zeppelin-interpreter-shaded-0.12.1.jar").write_text("x")
    platform, events = tmp_path / "platform", tmp_path / "events"
    platform.mkdir()
    (platform / "executor-spark-large.yaml").write_text(executor_template(PODS, SPARK.sizes()["spark-large"].executor))
    environment = {
        "ZEPPELIN_HOME": str(home),
        "COPY_TO": str(target),
        "PLATFORM": str(platform),
        "EVENTS": str(events),
        "PATH": "/usr/bin:/bin",
    }
    arguments = ["spark", "spark-large", "gaia-spark-executor-alice", "alice", "spark-alice-2abcdefgh-qwerty"]
    subprocess.run(["sh", COPY, *arguments], check=True, env=environment)
    executor = yaml.safe_load((target / "executor.yaml").read_text())
    assert executor["spec"]["priorityClassName"] == "gaia-spark-executor-alice"
    assert executor["metadata"]["labels"]["gaia-dmp/user"] == "alice"
    assert executor["spec"]["containers"][0]["resources"]["limits"] == {"ephemeral-storage": "40Gi"}
    assert events.is_dir()
    copied = sorted(str(path.relative_to(target)) for path in target.rglob("*") if path.is_file())
    assert copied == [
        "bin/interpreter.sh",
        "conf/log4j.properties",
        "executor.yaml",
        "interpreter/spark/a.jar",
        "interpreter/zeppelin-interpreter-shaded-0.12.1.jar",
        "spark-conf/spark-defaults.conf",
    ]
    defaults = (target / "spark-conf/spark-defaults.conf").read_text()
    assert defaults == f"spark.app.id spark-alice-2abcdefgh-qwerty\nspark.eventLog.dir file://{events}\n"
    history = tmp_path / "history"
    history.mkdir()
    shutil.rmtree(target)
    subprocess.run(["sh", COPY, *arguments], check=True, env=environment | {"HISTORY": str(history)})
    assert f"spark.eventLog.dir file://{history}\n" in (target / "spark-conf/spark-defaults.conf").read_text()
    assert list(history.iterdir()) == []
    missing = subprocess.run(["sh", COPY, "nothing"], env=environment, capture_output=True, check=False)
    assert missing.returncode != 0


def test_a_driver_beside_yarn_has_its_files_and_its_persons_folder(tmp_path):
    home, target, platform, staging = (tmp_path / name for name in ("home", "copy", "platform", "staging"))
    for folder in (home / "bin", home / "conf", home / "interpreter/spark", platform, staging / "alice/.sparkStaging/application_1_0001"):
        folder.mkdir(parents=True)
    (home / "interpreter/zeppelin-interpreter-shaded-0.12.1.jar").touch()
    (platform / "executor-spark.person.yaml").write_text("priority: @priority@\n")
    (platform / "yarn-spark.conf").write_text(
        "spark.master yarn\nspark.driver.host @pod@.ns.svc\nspark.yarn.stagingDir file:///staging/@user@\n"
    )
    (platform / "yarn-site.xml").write_text("<configuration/>")
    old = staging / "alice/.sparkStaging/application_1_0000"
    old.mkdir()
    month = time.time() - 40 * 86400
    os.utime(old, (month, month))
    environment = {"ZEPPELIN_HOME": home, "COPY_TO": target, "PLATFORM": platform, "EVENTS": tmp_path / "events", "STAGING": staging}
    arguments = ["spark", "spark.person", "gaia-spark-executor-alice", "alice", "spark-alice-2abcdefgh-qwerty"]
    subprocess.run(
        ["sh", COPY, *arguments], check=True, env={key: str(value) for key, value in environment.items()} | {"PATH": "/usr/bin:/bin"}
    )
    assert (target / "spark-conf/spark-defaults.conf").read_text().splitlines()[2:] == [
        "spark.master yarn",
        "spark.driver.host spark-alice-2abcdefgh-qwerty.ns.svc",
        "spark.yarn.stagingDir file:///staging/alice",
    ]
    assert (target / "yarn-conf/yarn-site.xml").read_text() == "<configuration/>"
    # What an application left a month ago is gone.
    assert [path.name for path in (staging / "alice/.sparkStaging").iterdir()] == ["application_1_0001"]
