"""Objects by the S3 API of Swift and of RadosGW: buckets of a stack, the one key that opens them, Spark and backups on them; and the
credential of Manila CSI.

Invariants: what is written by S3A is what is read; the key opens the buckets' project and nothing else; lost notebooks come back byte for
byte; the credential for mounts looks at its shares and does nothing else.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import openstack
import pytest

from components.spark.hadoop_conf import BucketAccess, configuration_xml, s3a_properties
from doctor.checks import examine
from doctor.visit import Visit
from recording import Recording
from settings.values.cloud import OpenStackCloud
from tests.cloud import radosgw, tools
from tests.cloud.backup import Backup, contents, some_notebooks
from tests.cloud.openstack import apply
from tests.cloud.openstack.apply import Project, applied
from tests.cloud.openstack.build import s3a
from tests.cloud.openstack.cloud import Cloud
from tests.cloud.openstack.connections import connect
from tests.cloud.openstack.services import REGION
from tests.cloud.radosgw import Store
from tests.support.eventually import eventually
from tests.support.programs import named, record_data
from tests.support.stack_files import changed, document, settings_of

PROGRAM = Path(tools.__file__).with_name("driver_program.py")
BUCKET = "gaia-dmp-x-results"


@pytest.fixture(scope="module", params=["swift", pytest.param("radosgw", marks=pytest.mark.long)])
def store(whole_cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Store]:
    if request.param == "swift":
        yield Store(f"http://127.0.0.1:{whole_cloud.ports['swift']}", None)
        return
    if radosgw.missing():
        pytest.skip(radosgw.missing())
    with radosgw.running(whole_cloud) as found:
        yield found


def only(recording: Recording, *kinds: str) -> Recording:
    """A recording of the providers and of these kinds of resources."""
    wanted = ("pulumi:providers:openstack", *kinds)
    return replace(recording, resources=[each for each in recording.resources if each.type in wanted])


@pytest.fixture
def stack(store: Store) -> dict[str, Any]:
    """The dev stack with a bucket, and a way to it."""
    data = document("dev")
    data["gaia-dmp:object_store"] = {
        "project": "iris-gaia-buckets",
        "clouds_yaml": "iris-gaia-buckets",
        "endpoint": store.endpoint,
        "s3_region": REGION,
        "buckets": [{"name": "results", "on_destroy": "delete"}],
    }
    return data


@pytest.fixture
def key(cloud: Cloud, stack: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The S3 key of the stack, whose bucket stands."""
    recording = record_data(stack, "update")
    kinds = ("openstack:objectstorage/container:Container", "openstack:identity/ec2CredentialV3:Ec2CredentialV3")
    connection = connect(cloud.clouds_yaml, "iris-gaia-buckets")
    inputs = named(recording, "buckets-key").inputs
    # What the query answered offline, and what it would answer here.
    for name, real in (("projectId", connection.current_project_id), ("userId", connection.current_user_id)):
        inputs[name] = real
    with applied(only(recording, *kinds), cloud.clouds_yaml) as ids:
        access = ids[named(recording, "buckets-key").urn]
        identity: Any = connection.identity
        found = identity.get(f"/users/{connection.current_user_id}/credentials/OS-EC2/{access}").json()
        yield access, found["credential"]["secret"]


def spark(folder: Path, store: Store, access: BucketAccess, key: tuple[str, str], *expressions: str) -> list[Any]:
    """What a Spark driver answers that has exactly the Secret and the settings of the stack."""
    (folder / "core-site.xml").write_text(configuration_xml(s3a_properties(access, *key)))
    settings = {"spark.master": "local[2]", "spark.driver.memory": "512m", "spark.ui.enabled": "false"}
    # A refusal is one: nothing is tried again for minutes.
    settings |= {"spark.hadoop.fs.s3a.attempts.maximum": "1", "spark.hadoop.fs.s3a.retry.limit": "1"}
    settings |= {"spark.driver.extraClassPath": ":".join(map(str, s3a())), "spark.local.dir": str(folder)}
    if store.certificate:
        trust = folder / "trust.p12"
        if not trust.exists():
            where = ("-keystore", str(trust), "-storetype", "PKCS12", "-storepass", "changeit")
            subprocess.run(
                ("keytool", "-importcert", "-noprompt", "-file", str(store.certificate), *where), check=True, capture_output=True
            )
        options = f"-Djavax.net.ssl.trustStore={trust} -Djavax.net.ssl.trustStorePassword=changeit"
        settings["spark.driver.extraJavaOptions"] = options
    (folder / "properties.json").write_text(json.dumps(settings))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_", "AWS_"))}
    environment |= {"PYTHONPATH": str(tools.spark("4.0")), "HADOOP_CONF_DIR": str(folder), "SPARK_LOCAL_IP": "127.0.0.1"}
    done = subprocess.run(
        [sys.executable, str(PROGRAM), str(folder / "properties.json")],
        input="\n".join(expressions) + "\n",
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    answers = [json.loads(line.removeprefix("ANSWER ")) for line in done.stdout.splitlines() if line.startswith("ANSWER ")]
    assert len(answers) == len(expressions), done.stderr[-3000:]
    return answers


def test_spark_writes_and_reads_parquet_by_s3a_and_reaches_no_other_project(cloud, store, key, tmp_path):
    others = connect(cloud.clouds_yaml, "iris-gaia-red").object_store
    private: Any = others
    private.create_container("private")
    access = BucketAccess(bucket=BUCKET, endpoint=store.endpoint, region=REGION)
    elsewhere = replace(access, bucket="private")
    table = f"s3a://{BUCKET}/gaia/x.parquet"
    write = f"spark.range(100_000).selectExpr('id', 'id % 7 as k').repartition(3).write.parquet('{table}')"
    read = f"[spark.read.parquet('{table}').count(), spark.read.parquet('{table}').selectExpr('sum(k)').collect()[0][0]]"
    conf = "[spark.sparkContext._jsc.hadoopConfiguration().get('fs.s3a.bucket.private.endpoint')]"
    other = spark(tmp_path, store, elsewhere, key, "spark.range(1).write.parquet('s3a://private/x')", conf)
    assert "NoSuchBucket" in other[0]["error"] or "does not exist" in other[0]["error"], other[0]
    written, found = spark(tmp_path, store, access, key, write, read)
    assert written == {"value": None}, written
    assert found == {"value": [100_000, sum(n % 7 for n in range(100_000))]}
    refused = spark(tmp_path, store, access, (key[0], "not-the-secret"), read)
    assert "403" in refused[0]["error"] or "Forbidden" in refused[0]["error"]
    private.delete_container("private")


def test_notebooks_are_backed_up_to_a_bucket_and_come_back_byte_for_byte(cloud, store, key, tmp_path):
    target = {"kind": "bucket", "endpoint": store.endpoint, "bucket": BUCKET, "region": REGION, "prefix": "backup"}
    target |= {"access_key_secret": "a", "secret_key_secret": "b"}
    data = changed("dev", "zeppelin.backup", {"target": target, "password_secret": "p"})
    data["gaia-dmp:outside"]["egress"].append({"name": "s3", "cidr": "10.0.0.0/8", "ports": [443], "who": ["backup"]})
    notebooks = some_notebooks(tmp_path / "notebooks")
    secrets = {"AWS_ACCESS_KEY_ID": key[0], "AWS_SECRET_ACCESS_KEY": key[1]} | (
        {"RESTIC_CACERT": str(store.certificate)} if store.certificate else {}
    )
    recording = record_data(data)
    backup = Backup(recording, notebooks, tmp_path / "backup", f"s3:{store.endpoint}/{BUCKET}/backup", secrets)
    before = contents(notebooks)
    backup("backup")
    stored: Any = connect(cloud.clouds_yaml, "iris-gaia-buckets").object_store
    assert "backup/config" in [each.name for each in stored.objects(BUCKET)]
    for part in ("notebook", "conf"):
        shutil.rmtree(notebooks / part)
    backup("restore", "latest")
    assert contents(notebooks) == before


def test_a_key_that_is_taken_away_unused_opens_nothing(cloud, store, key):
    identity: Any = connect(cloud.clouds_yaml, "iris-gaia-buckets").identity
    (keys, unused), (_, kept) = another_key(cloud), another_key(cloud)
    assert identity.delete(f"{keys}/{unused[0]}").status_code == 204
    assert listed(store, unused) == 403
    # One that was made in the same way, and stays, opens it.
    assert listed(store, kept) == 200
    assert listed(store, key) == 200


@pytest.mark.long
def test_a_key_that_is_taken_away_opens_buckets_for_some_time_if_it_was_used(cloud, store, key, request):
    """Swift remembers it for a minute, by default; RadosGW for five, which nobody waits for here: docs/how-to/rotate.md."""
    identity: Any = connect(cloud.clouds_yaml, "iris-gaia-buckets").identity
    keys, used = another_key(cloud)
    assert listed(store, used) == 200
    assert identity.delete(f"{keys}/{used[0]}").status_code == 204
    assert listed(store, used) == 200
    if "swift" in request.node.name:
        eventually(lambda: listed(store, used) == 403, 90)
    assert listed(store, key) == 200


def another_key(cloud) -> tuple[str, tuple[str, str]]:
    """Where Keystone keeps keys of the data's project, and a new one: access and secret."""
    connection = connect(cloud.clouds_yaml, "iris-gaia-buckets")
    identity: Any = connection.identity
    keys = f"/users/{connection.current_user_id}/credentials/OS-EC2"
    made = identity.post(keys, json={"tenant_id": connection.current_project_id}).json()["credential"]
    return keys, (made["access"], made["secret"])


def listed(store: Store, key: tuple[str, str]) -> int:
    """What a request for the objects of the bucket gets."""
    sign = ("--aws-sigv4", f"aws:amz:{REGION}:s3", "--user", ":".join(key), "--header", "x-amz-content-sha256: UNSIGNED-PAYLOAD")
    trust = ("--cacert", str(store.certificate)) if store.certificate else ()
    ask = (
        "curl",
        *trust,
        "--silent",
        "--max-time",
        "60",
        "--output",
        "/dev/null",
        "--write-out",
        "%{http_code}",
        *sign,
        f"{store.endpoint}/{BUCKET}",
    )
    return int(subprocess.run(ask, capture_output=True, text=True, check=True).stdout)


def test_the_doctor_finds_the_store_and_a_bucket_keeps_the_mark_of_its_stack(cloud, store, stack, key, monkeypatch):
    if store.certificate:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(store.certificate))
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(cloud.clouds_yaml))
    settings = settings_of(stack)
    assert isinstance(settings.cloud, OpenStackCloud)
    found = {each.subject: each for each in examine(Visit(settings, settings.cloud, "gaia-dmp-x"), lambda _title: None)}
    assert (found["S3"].verdict, found["S3"].says) == ("ok", f"answers at {store.endpoint}")
    swift: Any = connect(cloud.clouds_yaml, "iris-gaia-buckets").object_store
    swift.post(f"/{BUCKET}", headers={"X-Container-Meta-Stack": "gaia-dmp-x"}).raise_for_status()
    assert swift.head(f"/{BUCKET}").headers["X-Container-Meta-Stack"] == "gaia-dmp-x"
    assert listed(store, key) == 200


def test_the_credential_for_mounts_looks_at_its_shares_and_does_nothing_else(cloud, monkeypatch):
    data = document("prod")
    data["gaia-dmp:datasets"][0]["source"]["plugin"] = "manila-csi"
    recording = record_data(data, "update")
    owner: Any = connect(cloud.clouds_yaml, "iris-gaia-data")
    mine, other = (owner.shared_file_system.find_share(d["source"]["share"]).id for d in data["gaia-dmp:datasets"])
    made: dict[str, str] = {}
    monkeypatch.setattr(apply, "Project", lambda connection: Project(connection, made))
    kinds = ("openstack:identity/applicationCredential:ApplicationCredential",)
    with applied(only(recording, *kinds), cloud.clouds_yaml):
        ((id_, secret),) = made.items()
        session = openstack.connect(
            auth_type="v3applicationcredential",
            auth={"auth_url": cloud.auth_url, "application_credential_id": id_, "application_credential_secret": secret},
            region_name=REGION,
            load_envvars=False,
            load_yaml_config=False,
        ).session
        codes = asked(session, owner, cloud.auth_url, mine, other)
    assert {call: code for call, code in codes.items() if call.startswith("may ")} == {
        "may look at the version": 200,
        "may look at its share": 200,
        "may look at its path": 200,
        "may look at rules": 200,
    }
    refused = {call: code for call, code in codes.items() if not call.startswith("may ")}
    assert len(refused) == 8
    assert set(refused.values()) <= {401, 403}, refused


def asked(session: Any, owner: Any, identity: str, mine: str, other: str) -> Mapping[str, int]:
    """What each call gets: those that the plug-in makes, and others."""
    manila = owner.shared_file_system.get_endpoint().removesuffix("/")
    network = owner.network.get_endpoint().removesuffix("/")
    calls = {
        "may look at the version": ("GET", f"{manila}/", None),
        "may look at its share": ("GET", f"{manila}/shares/{mine}", None),
        "may look at its path": ("GET", f"{manila}/shares/{mine}/export_locations", None),
        "may look at rules": ("GET", f"{manila}/share-access-rules?share_id={mine}", None),
        "look at another share": ("GET", f"{manila}/shares/{other}", None),
        "list shares": ("GET", f"{manila}/shares", None),
        "delete its share": ("DELETE", f"{manila}/shares/{mine}", None),
        "grant access": ("POST", f"{manila}/shares/{mine}/action", {"allow_access": {"access_type": "cephx", "access_to": "me"}}),
        "shrink its share": ("POST", f"{manila}/shares/{mine}/action", {"shrink": {"new_size": 1}}),
        "make a share": ("POST", f"{manila}/shares", {"share": {"size": 1, "share_proto": "CEPHFS"}}),
        "make a network": ("POST", f"{network}/v2.0/networks", {"network": {"name": "x"}}),
        "make a credential": (
            "POST",
            f"{identity}/users/{owner.current_user_id}/application_credentials",
            {"application_credential": {"name": "x"}},
        ),
    }
    headers = {"X-OpenStack-Manila-API-Version": "2.45", "OpenStack-API-Version": "shared-file-system 2.45"}
    return {
        call: session.request(url, method, json=body, headers=headers, raise_exc=False).status_code
        for call, (method, url, body) in calls.items()
    }
