"""What Pods read: the interpreter template, the executor template, interpreter settings, login, gateway, scripts."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from typing import Any

import jinja2
import pytest
import yaml
from components.spark.interpreter_files import (
    CheckedDataset,
    InterpreterArgs,
    LdapArgs,
    PodSizeArgs,
    SparkSizeArgs,
    executor_template,
    interpreter_settings,
    interpreter_template,
    login_in_pod_names,
    shiro_hash,
    shiro_ini,
    spark_properties,
)

from components.files import COMPONENTS
from components.zeppelin.examples import example_notebooks
from components.zeppelin.files import seed_interpreters, seed_notebooks
from preview import manifests
from tests.support.hostile import HOSTILE

COPY = str(COMPONENTS / "spark/files/copy-zeppelin.sh")
ARGS = InterpreterArgs(
    namespace="gaia-spark",
    server_service="zeppelin-server.gaia-zeppelin.svc",
    driver_account="spark-driver",
    executor_account="spark-executor",
    interpreter_account="interpreter",
    driver_priority="gaia-spark-driver",
    executor_priority="gaia-spark-executor",
    zeppelin_image="apache/zeppelin:0.12.1",
    spark_image="apache/spark:3.5.8",
    datasets=[CheckedDataset(name="gdr3", claim="data-gdr3", path="/data/gaia/GDR3")],
    node_selector={"pool": "spark"},
    people={"alice": "alice", "a@b.org": "a-b-org"},
    sizes={
        "spark": SparkSizeArgs(
            driver=PodSizeArgs(cores=2, memory_gib=3, overhead_gib=2, scratch_gib=8),
            executor=PodSizeArgs(cores=4, memory_gib=12, overhead_gib=4, scratch_gib=20),
            max_executors=12,
        ),
        "spark-large": SparkSizeArgs(
            driver=PodSizeArgs(cores=4, memory_gib=8, overhead_gib=4, scratch_gib=16),
            executor=PodSizeArgs(cores=8, memory_gib=24, overhead_gib=8, scratch_gib=40),
            max_executors=6,
        ),
    },
    executor_idle_seconds=60,
    cached_idle_seconds=900,
    environment={"PIP_INDEX_URL": "https://pip.example.org"},
)
SPARK = ARGS.sizes["spark"]


def rendered(language: str = "spark", **bindings: Any) -> list[dict]:
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
    out = environment.from_string(interpreter_template(ARGS, "files-1")).render(
        zeppelin={"k8s": {"interpreter": interpreter, "envs": envs}}
    )
    return list(yaml.safe_load_all(out))


class TestInterpreterTemplate:
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
        assert resources["requests"] == resources["limits"] == {"cpu": "2", "memory": "5Gi", "ephemeral-storage": "8Gi"}
        assert all("sizeLimit" in v["emptyDir"] for v in spec["volumes"] if "emptyDir" in v)

    def test_the_service_finds_the_pod_and_no_other(self):
        pod, service = rendered()
        assert service["spec"]["clusterIP"] == "None"
        assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
        assert {p["port"] for p in service["spec"]["ports"]} == {12321, 22321, 22322, 4040}
        assert {p["port"] for p in rendered("md")[1]["spec"]["ports"]} == {12321}

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
        pod = yaml.safe_load(executor_template(ARGS, SPARK))
        pod["metadata"]["name"] = "exec-1"
        pod["spec"]["containers"][0]["image"] = "apache/spark:3.5.8"
        assert manifests.check([pod], "1.35") == []

    def test_no_token_no_rights_and_the_same_data(self):
        spec = yaml.safe_load(executor_template(ARGS, SPARK))["spec"]
        assert (spec["serviceAccountName"], spec["automountServiceAccountToken"]) == ("spark-executor", False)
        assert spec["nodeSelector"] == {"pool": "spark"}
        driver = {m["mountPath"] for m in rendered()[0]["spec"]["containers"][0]["volumeMounts"] if m["mountPath"].startswith("/data")}
        executor = {m["mountPath"] for m in spec["containers"][0]["volumeMounts"] if m["mountPath"].startswith("/data")}
        assert driver == executor == {"/data/gaia/GDR3"}
        assert spec["containers"][0]["resources"]["limits"] == {"ephemeral-storage": "20Gi"}


class TestInterpreterSettings:
    def test_one_pod_per_notebook_and_language(self):
        settings = json.loads(interpreter_settings(ARGS))["interpreterSettings"]
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
        properties = spark_properties(ARGS, SPARK)
        assert properties["spark.dynamicAllocation.minExecutors"] == "0"
        assert properties["spark.dynamicAllocation.maxExecutors"] == "12"
        assert properties["spark.executor.instances"] == ""
        assert properties["spark.dynamicAllocation.executorIdleTimeout"] == "60s"
        assert properties["spark.dynamicAllocation.shuffleTracking.timeout"] == "900s"
        assert properties["spark.kubernetes.executor.limit.cores"] == properties["spark.executor.cores"] == "4"

    def test_spark_asks_for_no_right_that_the_driver_lacks(self):
        properties = spark_properties(ARGS, SPARK)
        for feature in ("driver.ownPersistentVolumeClaim", "driver.reusePersistentVolumeClaim", "driver.service.deleteOnTermination"):
            assert properties[f"spark.kubernetes.{feature}"] == "false"

    def test_no_value_breaks_the_list_that_zeppelin_joins_by_a_bar(self):
        assert [key for key, value in spark_properties(ARGS, SPARK).items() if "|" in value] == []


class TestSeedInterpreters:
    OURS = json.loads(interpreter_settings(ARGS))

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


class TestSeedNotebooks:
    def test_each_example_comes_once_and_covers_nothing(self, tmp_path):
        (tmp_path / "source").write_text(example_notebooks([("gdr3", "/data/gaia/GDR3")], ["spark", "spark-large"]))
        folder = tmp_path / "notebook"
        for path, notebook in json.loads((tmp_path / "source").read_text()).items():
            assert re.fullmatch(r"Examples/[\w ]+_2[A-Z0-9]{8}\.zpln", path)
            assert notebook["path"] == "/" + path.rsplit("_", 1)[0]
        seed_notebooks.main(str(tmp_path / "source"), str(folder))
        first, second = sorted((folder / "Examples").iterdir())
        assert (first.name[:9], second.name[:7]) == ("Read gdr3", "Welcome")
        first.unlink()
        second.write_text("mine")
        seed_notebooks.main(str(tmp_path / "source"), str(folder))
        assert [path.read_text() for path in (folder / "Examples").iterdir()] == ["mine"]


def test_copy_zeppelin_takes_what_one_interpreter_needs(tmp_path):
    home, target = tmp_path / "zeppelin", tmp_path / "copy"
    for name in ("bin/interpreter.sh", "conf/log4j.properties", "interpreter/spark/a.jar", "interpreter/md/b.jar"):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("x")
    (home / "interpreter/zeppelin-interpreter-shaded-0.12.1.jar").write_text("x")
    platform, events = tmp_path / "platform", tmp_path / "events"
    platform.mkdir()
    (platform / "executor-spark-large.yaml").write_text(executor_template(ARGS, ARGS.sizes["spark-large"]))
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


class TestLogin:
    def test_the_hash_is_shiros_own(self):
        """The vector was accepted by Shiro 1.13's DefaultPasswordService and by a login through PasswordMatcher."""
        assert shiro_hash("6pxdUcpIQb9lsfh9", bytes(range(16)), 500_000) == (
            "$shiro1$SHA-256$500000$AAECAwQFBgcICQoLDA0ODw==$gfakJg5ASogjHxoDaGCUU5E1X9zZcsC7raZqMMg7XOw="
        )

    def test_salt_and_password_both_count(self):
        hashes = {shiro_hash(password, salt, 10) for password in ("a", "b") for salt in (b"1", b"2")}
        assert len(hashes) == 4

    @pytest.mark.parametrize("secure", [True, False])
    def test_people_with_passwords_of_the_stack(self, secure):
        ini = shiro_ini({"admin": "$shiro1$x", "bob@b.org": "$shiro1$y"}, ["admin"], "", secure=secure)
        assert "\n[users]\nadmin = $shiro1$x, admin\nbob@b.org = $shiro1$y\n" in ini
        assert f"cookie.secure = {str(secure).lower()}\n" in ini
        assert "securityManager.realms = $iniRealm\n" in ini
        assert not re.search(r"@[a-z_]+@", ini)
        rules = ini.split("[urls]")[1].strip().splitlines()
        assert rules[0] == "/api/version = anon"  # the readiness probe
        assert rules[-1] == "/** = authc"
        assert "/api/interpreter/** = authc, roles[admin]" in rules

    def test_a_directory_stands_alone(self):
        """Zeppelin refuses to work with both: "IniRealm/password based auth mechanisms should be exclusive" (seen)."""
        ldap = LdapArgs(
            url="ldaps://ldap.example.org",
            user_dn_template="uid={0},ou=people",
            group_search_base="ou=groups",
            administrators_group="gaia-admins",
            bind_dn="cn=reader",
        )
        ini = shiro_ini(ldap, [], "$ecret\n", secure=True)
        assert "iniRealm" not in ini
        assert "[users]" not in ini
        assert "ldapRealm.userDnTemplate = uid={0},ou=people\n" in ini
        assert "ldapRealm.rolesByGroup = gaia-admins: admin\n" in ini
        # Shiro would take `$ecret` for the name of an object.
        assert "ldapRealm.contextFactory.systemPassword = \\$ecret\n" in ini
        assert "systemPassword" not in shiro_ini(replace(ldap, bind_dn=None), [], "", secure=True)


def test_the_welcome_says_what_one_may_write_and_a_bucket_is_read_by_spark():
    plain = example_notebooks([("gdr3", "/data/gaia/GDR3")], ["spark"])
    assert "What you may write" not in plain
    notes = json.loads(example_notebooks([("dr2", "s3a://gaia/dr2")], ["spark"], ["gaia-dmp-x-results"], space=True))
    texts = {note["name"]: [p["text"] for p in note["paragraphs"]] for note in notes.values()}
    assert "`/user/<your name>`" in texts["Welcome"][0]
    assert "`s3a://gaia-dmp-x-results`" in texts["Welcome"][0]
    assert "os.walk" not in "".join(texts["Read dr2"])
    assert 'root = "s3a://gaia/dr2"' in texts["Read dr2"][1]


def test_an_interpreter_runs_the_check_of_datasets_when_it_starts():
    settings = json.loads(interpreter_settings(ARGS))["interpreterSettings"]
    code = settings["spark"]["properties"]["zeppelin.PySparkInterpreter.precode"]["value"]
    compile(code, "precode", "exec")
    assert "['python3', '-B', '/opt/platform/check_datasets.py', 'tell', '/opt/platform/datasets.json']" in code
    scala = settings["spark"]["properties"]["zeppelin.SparkInterpreter.precode"]["value"]
    assert 'Seq("python3", "-B", "/opt/platform/check_datasets.py", "tell", "/opt/platform/datasets.json")' in scala
    assert "precode" not in json.dumps(settings["md"])
    without = json.loads(interpreter_settings(replace(ARGS, datasets=[])))["interpreterSettings"]
    assert "precode" not in json.dumps(without)


@pytest.mark.parametrize(("login", "wanted"), [("alice", "alice"), ("Bob@Example.org", "bobexampleorg"), ("a-b_c", "a-bc"), ("x..y", "xy")])
def test_a_login_in_names_of_pods_is_zeppelins(login, wanted):
    """As its own K8sUtilsTest has it: dots and whatever a name may not have are left out."""
    assert login_in_pod_names(login) == wanted
