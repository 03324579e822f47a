"""The fence, both ways, with the tokens that Pods really get: what driver, server and cleaner need is allowed, all else refused."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cloud import deployed, pods
from tests.cloud.api import Api, ApiError, Object
from tests.cloud.deployed import NOTEBOOKS, SERVER
from tests.cloud.pods import changed
from tests.support.eventually import eventually
from tests.support.stack_files import document

PODS = f"/api/v1/namespaces/{NOTEBOOKS}/pods"
CONFIG_MAPS = f"/api/v1/namespaces/{NOTEBOOKS}/configmaps"
SERVICES = f"/api/v1/namespaces/{NOTEBOOKS}/services"


BESIDE = ("dataset-check", "spark-history")
"""How the names of Pods begin that are the platform's own, in the namespace of notebooks."""

AWS_TOKEN = {"serviceAccountToken": {"path": "token", "audience": "sts.amazonaws.com"}}
"""What the webhook of EKS adds to the Pods of an account that stands for an IAM role."""

SECOND = {
    "name": "second",
    "image": pods.DRIVER_IMAGE,
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    "resources": {kind: {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "1Mi"} for kind in ("requests", "limits")},
}


def refused(call: Any, *args: Any, **kwargs: Any) -> str:
    """The words of a refusal; fails where the call passes or fails in another way."""
    with pytest.raises(ApiError) as error:
        call(*args, **kwargs)
    assert error.value.code == 403, error.value
    return error.value.message


@pytest.fixture(scope="module")
def notes(items: list[Object]) -> dict[str, list[Object]]:
    """Pod and Service as Zeppelin would make them: alice's and bob's Spark, a guest's, alice's Markdown."""
    who = {"alice": "alice", "bob": "bob@example.org", "guest": "carol"}
    changes = [
        {"zeppelin.k8s.interpreter.user": user, "zeppelin.k8s.interpreter.pod.name": f"spark-{key}-2abcdefgh-aaaaaa"}
        for key, user in who.items()
    ]
    markdown = {"zeppelin.k8s.interpreter.pod.name": "md-alice-2abcdefgh-aaaaaa"}
    markdown |= {f"zeppelin.k8s.interpreter.{kind}.name": "md" for kind in ("group", "setting")}
    return dict(zip([*who, "md"], pods.rendered(items, *changes, markdown), strict=True))


@pytest.fixture(scope="module")
def server(api: Api) -> Iterator[Api]:
    """The Zeppelin server."""
    client = api.acting_as(api.token(SERVER, "zeppelin-server"))
    yield client
    client.close()


@pytest.fixture(scope="module")
def drivers(api: Api, server: Api, notes: dict[str, list[Object]]) -> Iterator[dict[str, tuple[Object, Api]]]:
    """Running drivers of alice, bob and a guest, made by the server: their Pods, and the API with their Pod's token."""
    result = {}
    for key in ("alice", "bob", "guest"):
        pod = server.create(notes[key][0])
        result[key] = (pod, api.acting_as(api.token(NOTEBOOKS, pod["spec"]["serviceAccountName"], pod)))
    yield result
    for pod, client in result.values():
        client.close()
        api.delete(f"{PODS}/{pod['metadata']['name']}", gracePeriodSeconds="0")


@pytest.fixture(autouse=True)
def _tidy(api: Api, drivers: dict[str, tuple[Object, Api]]) -> Iterator[None]:
    """Before and after each test: only the drivers are there, and the quotas know it."""
    kept = {pod["metadata"]["name"] for pod, _ in drivers.values()}

    def settled() -> bool:
        return used(api, "notebooks") == used(api, "driver") == len(kept) and used(api, "executor") == 0

    eventually(settled)
    yield
    for path, prefix in ((PODS, ""), (CONFIG_MAPS, "spark-exec-")):
        for item in api.items(path):
            name = item["metadata"]["name"]
            if name.startswith(prefix) and name not in kept and not name.startswith(BESIDE):
                with contextlib.suppress(ApiError):
                    api.delete(f"{path}/{name}", gracePeriodSeconds="0")
    eventually(settled)


def used(api: Api, quota: str) -> int:
    """Pods that the quotas whose names begin so count; those of drivers without a person's class count for `driver` too."""
    found = api.items(f"/api/v1/namespaces/{NOTEBOOKS}/resourcequotas")
    guests = {"driver": 1, "notebooks": -_checks(api)}.get(quota, 0)
    return guests + sum(int(item["status"]["used"]["pods"]) for item in found if item["metadata"]["name"].startswith(quota))


def _checks(api: Api) -> int:
    """Pods of the platform's own that count."""
    found = [pod for pod in api.items(PODS) if pod["metadata"]["name"].startswith(BESIDE)]
    return sum(pod["status"]["phase"] not in ("Succeeded", "Failed") for pod in found)


def renamed(pod: Object, name: str) -> Object:
    """The Pod of an interpreter under another name."""
    return changed(changed(pod, "metadata/name", name), "metadata/labels/app", name)


class TestDriver:
    def test_it_makes_finds_and_deletes_its_executors(self, items, drivers):
        for person, key in (("alice", "alice"), ("bob-example-org", "bob"), ("", "guest")):
            pod, api = drivers[key]
            made = api.create(pods.executor(items, pod, f"exec-{key}", person))
            assert made["spec"]["priorityClassName"] == f"gaia-spark-executor{'-' + person if person else ''}"
            api.create(pods.config_map(pod, f"spark-exec-{key}-conf-map"))
            assert f"exec-{key}" in {item["metadata"]["name"] for item in api.items(PODS, labelSelector="spark-role=executor")}
            api.delete(f"{PODS}/exec-{key}", gracePeriodSeconds="0")
        pod, api = drivers["alice"]
        api.create(pods.executor(items, pod, "exec-again"))
        api.delete(PODS, labelSelector="spark-role=executor", gracePeriodSeconds="0")
        # Each driver's ConfigMap is its own, so a deletion by label stops at another's.
        api.delete(CONFIG_MAPS, fieldSelector="metadata.name=spark-exec-alice-conf-map")

    @pytest.mark.parametrize(
        ("path", "value", "words"),
        [
            ("spec/serviceAccountName", "spark-driver-alice", "account spark-executor"),
            ("spec/serviceAccountName", "interpreter", "account spark-executor"),
            ("spec/automountServiceAccountToken", True, "no token"),
            ("spec/automountServiceAccountToken", None, "no token"),
            ("spec/containers/0/image", "docker.io/library/evil:1", "one container, of image"),
            ("spec/containers/+", SECOND, "one container"),
            ("spec/initContainers", [SECOND], "one container"),
            ("spec/volumes/+", {"name": "v", "secret": {"secretName": "registry"}}, "only emptyDir"),
            (
                "spec/volumes/+",
                {"name": "v", "persistentVolumeClaim": {"claimName": "notebooks", "readOnly": True}},
                "only emptyDir",
            ),
            ("spec/volumes/+", {"name": "v", "persistentVolumeClaim": {"claimName": "data-sample"}}, "read-only"),
            ("spec/volumes/+", {"name": "v", "persistentVolumeClaim": {"claimName": "data-sample", "readOnly": False}}, "read-only"),
            ("spec/volumes/+", {"name": "v", "persistentVolumeClaim": {"claimName": "user-bob-example-org"}}, "its person's own space"),
            ("spec/volumes/+", {"name": "v", "persistentVolumeClaim": {"claimName": "user-"}}, "its person's own space"),
            ("spec/volumes/+", {"name": "v", "persistentVolumeClaim": {"claimName": "prepare-user-alice"}}, "its person's own space"),
            ("spec/volumes/+", {"name": "v", "secret": {"secretName": "hadoop-conf"}}, "only emptyDir"),
            ("spec/volumes/+", {"name": "v", "persistentVolumeClaim": {"claimName": "spark-history"}}, "only emptyDir"),
            ("spec/volumes/+", {"name": "aws-iam-token", "projected": {"sources": [AWS_TOKEN]}}, "only emptyDir"),
            (
                "spec/volumes/+",
                {"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}},
                "only emptyDir",
            ),
            (
                "spec/volumes/+",
                {"name": "kube-api-access-x", "projected": {"sources": [{"secret": {"name": "s"}}]}},
                "only emptyDir",
            ),
            ("spec/volumes/+", {"name": "v", "csi": {"driver": "cephfs.csi.ceph.com"}}, "only emptyDir"),
            (
                "spec/volumes/+",
                {
                    "name": "v",
                    "ephemeral": {
                        "volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}
                    },
                },
                "only emptyDir",
            ),
            ("spec/containers/0/env", [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}], "must not use a Secret"),
            ("spec/containers/0/envFrom", [{"secretRef": {"name": "s"}}], "must not use a Secret"),
            ("spec/priorityClassName", "gaia-spark-executor-bob-example-org", "quota, of its driver's person"),
            ("spec/priorityClassName", "gaia-spark-executor", "quota, of its driver's person"),
            ("spec/priorityClassName", "gaia-spark-driver-alice", "quota, of its driver's person"),
            ("spec/priorityClassName", None, "quota, of its driver's person"),
            ("spec/nodeSelector", None, "on the Spark nodes"),
            ("spec/nodeSelector", {"capi.stackhpc.com/node-group": "default-worker"}, "on the Spark nodes"),
            ("spec/nodeName", "worker-0", "must not set nodeName"),
            ("spec/tolerations", [{"operator": "Exists"}], "must not tolerate taints"),
            ("spec/tolerations", [{"key": "node-role.kubernetes.io/control-plane", "operator": "Exists"}], "must not tolerate taints"),
            ("spec/terminationGracePeriodSeconds", 3600, "within two minutes"),
            ("metadata/finalizers", ["example.org/stay"], "must not have a finalizer"),
            ("metadata/finalizers", ["kueue.x-k8s.io/managed"], "must not have a finalizer"),
            ("metadata/annotations/k8s.v1.cni.cncf.io~networks", "cephfs", "second network"),
            ("metadata/labels/app", "spark-bob-2abcdefgh-aaaaaa", "labels of an executor"),
            ("metadata/labels/app.kubernetes.io~name", "zeppelin-interpreter", "labels of an executor"),
            ("metadata/labels/spark-role", "driver", "labels of an executor"),
            ("metadata/labels/gaia-dmp~user", "bob-example-org", "driver's person"),
            ("metadata/labels/gaia-dmp~user", None, "driver's person"),
            ("metadata/ownerReferences", None, "its own Pod owns"),
        ],
    )
    def test_it_makes_nothing_else(self, items, drivers, path, value, words):
        pod, api = drivers["alice"]
        good = pods.executor(items, pod, "exec-bad")
        assert words in refused(api.create, changed(good, path, value))

    def test_a_guest_has_nobody_s_space(self, items, drivers):
        pod, api = drivers["guest"]
        for claim in ("user-alice", "user", "user-", "user-guest"):
            volume = {"name": "v", "persistentVolumeClaim": {"claimName": claim}}
            executor = changed(pods.executor(items, pod, "exec-bad", ""), "spec/volumes/+", volume)
            assert "its person's own space" in refused(api.create, executor)

    def test_it_owns_nothing_that_is_not_its_own(self, items, drivers):
        (alice, api), (bob, _) = drivers["alice"], drivers["bob"]
        assert "its own Pod owns" in refused(api.create, pods.executor(items, bob, "exec-bad"))
        both = changed(pods.executor(items, alice, "exec-bad"), "metadata/ownerReferences/+", pods.owner(bob) | {"controller": False})
        assert "its own Pod owns" in refused(api.create, both)
        old = changed(pods.executor(items, alice, "exec-bad"), "metadata/ownerReferences/0/uid", "00000000-0000-0000-0000-000000000000")
        assert "its own Pod owns" in refused(api.create, old)
        assert "its own Pod owns" in refused(api.create, pods.config_map(bob))
        assert "spark-exec-" in refused(api.create, pods.config_map(alice, "zeppelin-interpreter-files"))

    def test_it_deletes_nothing_of_others(self, api, items, drivers):
        (alice, mine), (bob, theirs) = drivers["alice"], drivers["bob"]
        theirs.create(pods.executor(items, bob, "exec-bob", "bob-example-org"))
        theirs.create(pods.config_map(bob))
        mine.create(pods.executor(items, alice, "exec-alice"))
        for path in (f"{PODS}/exec-bob", f"{PODS}/{bob['metadata']['name']}", f"{PODS}/{alice['metadata']['name']}"):
            assert "its own Pod owns" in refused(mine.delete, path)
        # All at once goes no further than one by one.
        assert "its own Pod owns" in refused(mine.delete, PODS)
        assert "its own Pod owns" in refused(mine.delete, CONFIG_MAPS)
        assert "cannot delete resource" in refused(mine.delete, f"{CONFIG_MAPS}/spark-exec-1-conf-map")
        left = {item["metadata"]["name"] for item in api.items(PODS) if "deletionTimestamp" not in item["metadata"]}
        assert {"exec-bob", bob["metadata"]["name"], alice["metadata"]["name"]} <= left

    def test_a_token_without_a_pod_does_nothing(self, api, items, drivers):
        pod, _ = drivers["alice"]
        loose = api.acting_as(api.token(NOTEBOOKS, "spark-driver-alice"))
        assert "must be bound to its Pod" in refused(loose.create, pods.executor(items, pod, "exec-bad"))
        assert "must be bound to its Pod" in refused(loose.delete, f"{PODS}/{pod['metadata']['name']}")

    def test_a_stolen_token_is_good_for_its_pod_alone_and_ends_with_it(self, api, server, notes, items, drivers):
        pod = server.create(renamed(notes["alice"][0], "spark-alice-2abcdefgh-stolen"))
        stolen = api.acting_as(api.token(NOTEBOOKS, "spark-driver-alice", pod))
        assert stolen.items(PODS)
        assert "its own Pod owns" in refused(stolen.create, pods.executor(items, drivers["alice"][0]))
        api.delete(f"{PODS}/{pod['metadata']['name']}", gracePeriodSeconds="0")
        codes = set()

        def ended() -> bool:
            try:
                stolen.items(PODS)
            except ApiError as error:
                codes.add(error.code)
            return bool(codes)

        eventually(ended)
        assert codes == {401}

    def test_a_person_has_so_many_executors_and_interpreters(self, api, server, items, drivers, notes):
        pod, mine = drivers["alice"]
        for index in range(4):
            mine.create(pods.executor(items, pod, f"exec-{index}"))
        message = refused(mine.create, pods.executor(items, pod, "exec-4"))
        assert "exceeded quota: executor-alice" in message
        assert "pods=4" in message
        for index in range(2):
            server.create(renamed(notes["md"][0], f"md-{index}"))
        assert "exceeded quota: driver-alice" in refused(server.create, renamed(notes["md"][0], "md-2"))
        # What alice has used up is not bob's affair.
        bob, theirs = drivers["bob"]
        theirs.create(pods.executor(items, bob, "exec-bob", "bob-example-org"))

    def test_an_executor_cannot_be_as_large_as_all_of_them(self, items, drivers):
        pod, api = drivers["alice"]
        large = changed(
            pods.executor(items, pod, "exec-large"),
            "spec/containers/0/resources",
            {k: {"cpu": "5", "memory": "2Gi", "ephemeral-storage": "1Gi"} for k in ("requests", "limits")},
        )
        assert "exceeded quota: executor-alice" in refused(api.create, large)


class TestServer:
    def test_it_makes_and_removes_interpreters(self, server, notes, drivers):
        for pod, service in (notes["md"],):
            assert server.create(pod)["spec"]["serviceAccountName"] == "interpreter"
            server.create(service)
            server.delete(f"{SERVICES}/{service['metadata']['name']}")
            server.delete(f"{PODS}/{pod['metadata']['name']}")

    @pytest.mark.parametrize(
        ("path", "value", "words"),
        [
            ("spec/serviceAccountName", "spark-driver-bob-example-org", "account of its person"),
            ("spec/serviceAccountName", "spark-driver", "account of its person"),
            ("spec/serviceAccountName", "default", "account of its person"),
            ("spec/priorityClassName", "gaia-spark-driver-bob-example-org", "quota, of its person"),
            ("spec/containers/0/image", "docker.io/library/evil:1", "an interpreter must run"),
            ("spec/initContainers/0/image", "docker.io/library/evil:1", "an interpreter must run"),
            (
                "spec/volumes/+",
                {"name": "v", "persistentVolumeClaim": {"claimName": "notebooks", "readOnly": True}},
                "only emptyDir",
            ),
            ("spec/volumes/+", {"name": "v", "secret": {"secretName": "registry"}}, "only emptyDir"),
            ("spec/volumes/+", {"name": "v", "persistentVolumeClaim": {"claimName": "user-bob-example-org"}}, "its person's own space"),
            (
                "spec/containers/0/env",
                [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "hadoop-conf", "key": "k"}}}],
                "must not use a Secret",
            ),
            ("spec/nodeSelector", {}, "on the Spark nodes"),
            ("spec/restartPolicy", "Always", "restartPolicy Never"),
            ("metadata/labels/app", "spark-bob-2abcdefgh-aaaaaa", "with its own name"),
            ("metadata/labels/spark-role", "executor", "labels of an interpreter"),
            ("metadata/ownerReferences", [{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"}], "must not have an owner"),
        ],
    )
    def test_it_makes_no_other_pod(self, server, notes, path, value, words):
        pod = renamed(notes["alice"][0], "spark-alice-bad")
        assert words in refused(server.create, changed(pod, path, value))

    @pytest.mark.parametrize("nobody", ["guest.anonymous", "guest.null", "guest", None])
    def test_it_makes_no_pod_for_nobody(self, server, notes, nobody):
        pod = changed(renamed(notes["guest"][0], "spark-anonymous-bad"), "metadata/labels/gaia-dmp~user", nobody)
        assert "somebody who is logged in" in refused(server.create, pod)

    def test_markdown_gets_no_token(self, server, notes):
        pod = changed(notes["md"][0], "spec/automountServiceAccountToken", True)
        assert "must have no token" in refused(server.create, pod)
        driver = changed(
            changed(notes["md"][0], "spec/serviceAccountName", "spark-driver-alice"), "spec/automountServiceAccountToken", True
        )
        assert "must have no token" in refused(server.create, driver)

    def test_the_space_of_a_person_and_the_keys_of_buckets_are_for_whom_they_are_meant(self, server, notes):
        hers = {"name": "v", "persistentVolumeClaim": {"claimName": "user-alice"}}
        for who in ("guest", "bob"):
            pod = changed(renamed(notes[who][0], f"spark-{who}-bad"), "spec/volumes/+", hers)
            assert "its person's own space" in refused(server.create, pod)
        keys = {"name": "v", "secret": {"secretName": "hadoop-conf"}}
        assert "only emptyDir" in refused(server.create, changed(notes["md"][0], "spec/volumes/+", keys))

    @pytest.mark.parametrize("path", ["", "bob-example-org", "alice/../bob-example-org", ".", "guest"])
    @pytest.mark.parametrize("container", ["spec/containers/0", "spec/initContainers/0"])
    def test_event_logs_are_in_ones_own_folder(self, server, notes, container, path):
        pod = notes["alice"][0]
        _, kind, index = container.split("/")
        mounts = pod["spec"][kind][int(index)]["volumeMounts"]
        (position,) = [n for n, mount in enumerate(mounts) if mount["name"] == "history"]
        assert mounts[position]["subPath"] == "alice"
        bad = changed(pod, f"{container}/volumeMounts/{position}/subPath", path or None)
        # Of `..` the API server itself thinks nothing of.
        with pytest.raises(ApiError, match=r"only its person's folder of event logs|must not contain '\.\.'"):
            server.create(bad)

    def test_event_logs_are_for_spark_and_for_who_is_somebody(self, server, notes):
        logs = {"name": "history", "persistentVolumeClaim": {"claimName": "spark-history"}}
        assert "only emptyDir" in refused(server.create, changed(notes["md"][0], "spec/volumes/+", logs))
        # The label of another guest, so that the Pod is a copy that the test may change.
        guest = changed(notes["guest"][0], "metadata/labels/gaia-dmp~user", "guest.dave")
        for kind in ("containers", "initContainers"):
            for mount in guest["spec"][kind][0]["volumeMounts"]:
                mount.pop("subPath", None)
        assert "only its person's folder of event logs" in refused(server.create, guest)

    @pytest.mark.parametrize(
        ("path", "value"),
        [
            ("spec/selector", {"app": "spark-bob-2abcdefgh-aaaaaa"}),
            ("spec/selector", {"app.kubernetes.io/name": "spark-executor"}),
            ("spec/clusterIP", None),
            ("spec/externalIPs", ["203.0.113.7"]),
        ],
    )
    def test_its_services_lead_to_their_own_pod(self, server, notes, path, value):
        assert "headless" in refused(server.create, changed(notes["alice"][1], path, value))

    def test_it_deletes_no_executor(self, api, server, items, drivers):
        pod, mine = drivers["alice"]
        mine.create(pods.executor(items, pod, "exec-1"))
        assert "objects that it manages" in refused(server.delete, f"{PODS}/exec-1")

    def test_nothing_privileged_passes_pod_security(self, server, notes):
        for path, value in (
            ("spec/hostNetwork", True),
            ("spec/containers/0/securityContext", {"privileged": True}),
            ("spec/securityContext", {}),
        ):
            message = refused(server.create, changed(notes["alice"][0], path, value))
            assert 'violates PodSecurity "restricted' in message


class TestCleaner:
    def test_it_deletes_ended_interpreters_and_gives_up_waiting_ones(self, api, server, notes):
        cleaner = api.acting_as(api.token(SERVER, "interpreter-cleaner"))
        name = "md-alice-2abcdefgh-aaaaaa"
        server.create(notes["md"][0])
        assert "Pods that have ended" in refused(cleaner.delete, f"{PODS}/{name}")
        assert "Pods as failed that are pending" in refused(cleaner.patch_status, f"{PODS}/{name}", {"phase": "Succeeded"})

        def deleted() -> bool:
            # KWOK, which plays the kubelet, may say Running once more.
            api.patch_status(f"{PODS}/{name}", {"phase": "Succeeded"})
            with contextlib.suppress(ApiError):
                cleaner.delete(f"{PODS}/{name}", gracePeriodSeconds="0")
                return True
            return False

        eventually(deleted)
        assert name not in {item["metadata"]["name"] for item in api.items(PODS)}


@contextlib.contextmanager
def policies(api: Api, items: list[Object], data: dict[str, Any], driver: tuple[Object, Api], opened: Object) -> Iterator[None]:
    """The admission policy for drivers of another stack in place of this one's, until the end of the `with`.

    An API server takes a moment to heed either. `opened` is an executor that the other stack's policy alone lets pass, so it tells when
    that one has come; when it has gone, too, but only together with a plain executor that passes again: the other stack may refuse both.
    """
    pod, mine = driver
    name = f"gaia-dmp-{deployed.STACK}-driver"
    api.apply(deployed.one(deployed.objects(data), "ValidatingAdmissionPolicy", name))
    try:
        eventually(lambda: pods.makes(mine, opened))
        yield
    finally:
        api.apply(deployed.one(items, "ValidatingAdmissionPolicy", name))
        eventually(lambda: pods.makes(mine, pods.executor(items, pod, "exec-plain")) and not pods.makes(mine, opened))


class TestChoices:
    """What a choice of the stack file opens in the fence, and nothing beside it."""

    def test_kueue_may_mark_pods_as_its_own(self, api, items, drivers):
        pod, mine = drivers["alice"]
        data = deployed.stack()
        data["gaia-dmp:spark"]["kueue"] = {"cluster_queue": "astronomy"}
        marked = changed(pods.executor(items, pod, "exec-queued"), "metadata/finalizers", ["kueue.x-k8s.io/managed"])
        with policies(api, items, data, drivers["alice"], marked):
            both = changed(marked, "metadata/finalizers/+", "example.org/stay")
            assert "must not have a finalizer" in refused(mine.create, both)

    def test_an_identity_of_eks_opens_s3_and_no_kubernetes(self, api, items, drivers):
        pod, mine = drivers["alice"]
        data = deployed.stack()
        local = document("local")
        local["gaia-dmp:cloud"]["pools"][0] |= {"count": 9}
        data["gaia-dmp:cloud"] = local["gaia-dmp:cloud"] | {"provider": "eks", "identity": "arn:aws:iam::111122223333:role/gaia"}
        for key in ("object_store", "datasets"):
            data.pop(f"gaia-dmp:{key}")
        data["gaia-dmp:spark"] |= {"pool": "local", "history": {"kind": "storage_class", "name": "efs-sc"}}
        zeppelin = data["gaia-dmp:zeppelin"]
        zeppelin |= {"notebooks": {"kind": "storage_class", "name": "gp3"}, "user_space": {"kind": "storage_class", "name": "efs-sc"}}
        del zeppelin["backup"]
        given = changed(pods.executor(items, pod, "exec-aws"), "spec/nodeSelector", None)
        given = changed(given, "spec/volumes", [{"name": "aws-iam-token", "projected": {"sources": [AWS_TOKEN]}}])
        given["spec"]["containers"][0]["volumeMounts"] = []
        with policies(api, items, data, drivers["alice"], given):
            kubernetes = {"serviceAccountToken": {"path": "token"}}
            for source in (kubernetes, {"secret": {"name": "hadoop-conf"}}):
                bad = changed(given, "spec/volumes/0/projected/sources/+", source)
                assert "only emptyDir" in refused(mine.create, changed(bad, "metadata/name", "exec-bad"))
