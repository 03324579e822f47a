"""Zeppelin's settings of our interpreters, Spark's among them, and how they come into its own file."""

import json
import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest

from components.files import COMPONENTS
from components.spark.properties import spark_properties
from components.zeppelin.files import seed_interpreters
from components.zeppelin.interpreters import interpreter_settings
from tests.support.notebooks import INTERPRETERS, PODS, SIZE, SPARK


class TestInterpreterSettings:
    def test_one_pod_per_notebook_and_language(self):
        settings = json.loads(interpreter_settings(INTERPRETERS))["interpreterSettings"]
        assert {name: setting["group"] for name, setting in settings.items()} == {
            "spark": "spark",
            "spark-large": "spark",
            "python": "python",
            "md": "md",
        }
        for setting in settings.values():
            assert (setting["option"]["perNote"], setting["option"]["perUser"]) == ("isolated", "isolated")
            assert setting["properties"]["zeppelin.k8s.interpreter.namespace"]["value"] == "gaia-spark"

    def test_spark_starts_small_and_lets_go(self):
        properties = spark_properties(PODS, SPARK, SIZE)
        assert properties["spark.dynamicAllocation.minExecutors"] == "0"
        assert properties["spark.dynamicAllocation.maxExecutors"] == "12"
        assert properties["spark.executor.instances"] == ""
        assert properties["spark.dynamicAllocation.executorIdleTimeout"] == "60s"
        assert properties["spark.dynamicAllocation.shuffleTracking.timeout"] == "900s"
        assert properties["spark.kubernetes.executor.limit.cores"] == properties["spark.executor.cores"] == "4"

    def test_spark_asks_for_no_right_that_the_driver_lacks(self):
        properties = spark_properties(PODS, SPARK, SIZE)
        for feature in ("driver.ownPersistentVolumeClaim", "driver.reusePersistentVolumeClaim", "driver.service.deleteOnTermination"):
            assert properties[f"spark.kubernetes.{feature}"] == "false"

    def test_no_value_breaks_the_list_that_zeppelin_joins_by_a_bar(self):
        assert [key for key, value in spark_properties(PODS, SPARK, SIZE).items() if "|" in value] == []


def test_an_interpreter_runs_the_check_of_datasets_when_it_starts():
    settings = json.loads(interpreter_settings(INTERPRETERS))["interpreterSettings"]
    code = settings["spark"]["properties"]["zeppelin.PySparkInterpreter.precode"]["value"]
    compile(code, "precode", "exec")
    assert "['python3', '-B', '/opt/platform/check_datasets.py', 'tell', '/opt/platform/datasets.json']" in code
    scala = settings["spark"]["properties"]["zeppelin.SparkInterpreter.precode"]["value"]
    assert 'Seq("python3", "-B", "/opt/platform/check_datasets.py", "tell", "/opt/platform/datasets.json")' in scala
    assert "precode" not in json.dumps(settings["md"])
    bare = replace(INTERPRETERS, pods=replace(PODS, mounts=[]))
    without = json.loads(interpreter_settings(bare))["interpreterSettings"]
    assert "precode" not in json.dumps(without)


class TestSparkConnect:
    ON = replace(INTERPRETERS, pods=replace(PODS, connect="sc://gaia.example.org:443"))

    def test_drivers_serve_it_where_the_stack_says_so_and_nowhere_else(self):
        on, off = (json.loads(interpreter_settings(args))["interpreterSettings"] for args in (self.ON, INTERPRETERS))
        for setting in ("spark", "spark-large"):
            properties = on[setting]["properties"]
            assert properties["spark.plugins"]["value"] == "org.apache.spark.sql.connect.SparkConnectPlugin"
            assert properties["spark.connect.grpc.binding.port"]["value"] == "15002"
        for text in ("onnect.SparkConnect", "connect_url", "spark.connect"):
            assert text not in json.dumps(off)
            assert text not in json.dumps({name: setting for name, setting in on.items() if not name.startswith("spark")})

    def test_no_setting_holds_a_token(self):
        """Settings of Spark reach executors, the Spark UI and the event log."""
        assert "token" not in interpreter_settings(self.ON).lower()

    @pytest.mark.parametrize("mounts", [PODS.mounts, []], ids=["datasets", "no datasets"])
    def test_python_learns_how_to_print_the_address(self, mounts, capsys, monkeypatch):
        args = replace(self.ON, pods=replace(self.ON.pods, mounts=mounts))
        properties = json.loads(interpreter_settings(args))["interpreterSettings"]["spark"]["properties"]
        code = properties["zeppelin.PySparkInterpreter.precode"]["value"]
        assert ("check_datasets.py" in code) is bool(mounts)
        monkeypatch.setattr(sys, "path", [*sys.path, str(COMPONENTS / "spark/files")])
        monkeypatch.setitem(sys.modules, "pyspark", SimpleNamespace(__version__="4.0.5"))
        monkeypatch.setenv("CONNECT_ADDRESS", "sc://gaia.example.org:443/;x-driver=spark-alice-2abc-abcdef")
        monkeypatch.setenv("SPARK_CONNECT_AUTHENTICATE_TOKEN", "t0ken")
        monkeypatch.setattr("connect_url.WATCHING", ["already"], raising=True)
        exec(code.splitlines()[-1] + "\nconnect_url()", {})
        said = capsys.readouterr().out
        assert 'remote("sc://gaia.example.org:443/;x-driver=spark-alice-2abc-abcdef;token=t0ken")' in said
        assert 'pip install "pyspark-client~=4.0.0"' in said


class TestSeedInterpreters:
    OURS = json.loads(interpreter_settings(INTERPRETERS))

    def test_a_first_start_gets_ours(self):
        assert seed_interpreters.seeded(self.OURS, None)["interpreterSettings"] == self.OURS["interpreterSettings"]

    def test_ours_are_overwritten_and_all_others_survive(self):
        existing = {
            "interpreterSettings": {
                "spark": {"name": "spark", "changed": True},
                "2XYZ": {"name": "python"},
                "jdbc": {"name": "jdbc", "kept": 1},
            },
            "interpreterRepositories": [{"id": "central"}],
            "more": 1,
        }
        result = seed_interpreters.seeded(self.OURS, existing)
        assert result["interpreterSettings"]["spark"] == self.OURS["interpreterSettings"]["spark"]
        assert result["interpreterSettings"]["jdbc"] == {"name": "jdbc", "kept": 1}
        assert set(result["interpreterSettings"]) == {"spark", "spark-large", "python", "md", "jdbc"}
        assert (result["interpreterRepositories"], result["more"]) == ([{"id": "central"}], 1)

    def test_the_file_is_replaced_whole_and_conf_is_shadowed(self, tmp_path):
        (tmp_path / "ours.json").write_text(json.dumps(self.OURS))
        for group in ("spark", "python", "md", "shell-of-the-image"):
            (tmp_path / "image" / group).mkdir(parents=True)
            interpreters = [{"group": group, "name": name, "className": f"org.{group}.{name}"} for name in (group, "sql")]
            (tmp_path / "image" / group / "interpreter-setting.json").write_text(json.dumps(interpreters))
        target = tmp_path / "conf" / "interpreter.json"
        for _ in range(2):
            seed_interpreters.main(str(tmp_path / "ours.json"), str(target), str(tmp_path / "image"), str(tmp_path / "made"))
        assert json.loads(target.read_text())["interpreterSettings"] == self.OURS["interpreterSettings"]
        assert [path.name for path in target.parent.iterdir()] == ["interpreter.json"]
        assert sorted(path.name for path in (tmp_path / "made").iterdir()) == ["md", "python", "spark"]
        made = json.loads((tmp_path / "made" / "spark" / "interpreter-setting.json").read_text())
        assert [(each["name"], each["className"]) for each in made] == [
            ("spark", "org.spark.spark"),
            ("sql", "org.spark.sql"),
            ("conf", "org.spark.spark"),
        ]

    def test_a_language_that_the_image_lacks_stops_the_start(self, tmp_path):
        (tmp_path / "ours.json").write_text(json.dumps(self.OURS))
        with pytest.raises(FileNotFoundError, match=r"interpreter-setting\.json"):
            seed_interpreters.main(str(tmp_path / "ours.json"), str(tmp_path / "i.json"), str(tmp_path / "none"), str(tmp_path / "made"))
