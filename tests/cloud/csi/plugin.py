"""What CephCSI and its registrar do on a node with static volumes of CephFS, by ceph-fuse: a tool of the tests, for their image alone.

It is started with the arguments of CephCSI, or of csi-node-driver-registrar, and does what these do with them: it reads monitors from
/etc/ceph-csi-config/config.json, takes id and key from the Secret of a mount, mounts a share once in the staging folder and binds it into
Pods. A mount is a process of its container and ends with it. What has lost its process is mounted again for the next Pod, with the key that
it was first mounted with (ceph-csi: internal/cephfs/fuserecovery.go, nodeserver.go). Python 3.11 with Debian's grpcio and protobuf.
"""

import argparse
import errno
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

CONFIG, CEPH, KEYS = Path("/etc/ceph-csi-config/config.json"), "/etc/ceph/ceph.conf", "/tmp/csi/keys"
RECORDS = Path("/csi/mountinfo")
READERS_ONLY = 3  # MULTI_NODE_READER_ONLY
CORRUPTED = {errno.ENOTCONN, errno.ESTALE, errno.EIO, errno.EACCES, errno.EHOSTDOWN, errno.EWOULDBLOCK}
"""What the root of a mount says that CephCSI unmounts. A client that was evicted says ENOENT, and its mount is left alone."""
MESSAGES = {
    "Nothing": {},
    "Entry": {"key": (1, "string"), "value": (2, "string")},
    "Info": {"name": (1, "string"), "vendor_version": (2, "string")},
    "Node": {"node_id": (1, "string")},
    "Call": {"type": (1, "int")},
    "Capability": {"rpc": (1, "Call")},
    "Capabilities": {"capabilities": (1, "*Capability")},
    "Mode": {"mode": (1, "int")},
    "Volume": {"access_mode": (3, "Mode")},
    "Stage": {
        "volume_id": (1, "string"),
        "staging_target_path": (3, "string"),
        "volume_capability": (4, "Volume"),
        "secrets": (5, "*Entry"),
        "volume_context": (6, "*Entry"),
    },
    "Unstage": {"volume_id": (1, "string"), "staging_target_path": (2, "string")},
    "Publish": {
        "volume_id": (1, "string"),
        "staging_target_path": (3, "string"),
        "target_path": (4, "string"),
        "readonly": (6, "bool"),
        "volume_context": (8, "*Entry"),
    },
    "Unpublish": {"volume_id": (1, "string"), "target_path": (2, "string")},
    "Registered": {"type": (1, "string"), "name": (2, "string"), "endpoint": (3, "string"), "supported_versions": (4, "*string")},
    "Status": {"plugin_registered": (1, "bool"), "error": (2, "string")},
}
"""Of the messages of csi.proto (CSI 1.11) and of the kubelet's pluginregistration/v1/api.proto: the fields that are read or written."""


def _types():
    """A class for each of MESSAGES."""
    kinds = {"string": 9, "bool": 8, "int": 5}
    file = descriptor_pb2.FileDescriptorProto(name="csi.proto", package="csi", syntax="proto3")
    for title, fields in MESSAGES.items():
        message = file.message_type.add(name=title)
        for name, (number, kind) in fields.items():
            plain = kind.lstrip("*")
            field = message.field.add(name=name, number=number, label=3 if kind != plain else 1, type=kinds.get(plain, 11))
            if plain not in kinds:
                field.type_name = f".csi.{plain}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    factory = message_factory.MessageFactory(pool)
    return {title: factory.GetPrototype(pool.FindMessageTypeByName(f"csi.{title}")) for title in MESSAGES}


TYPES = _types()


class CallError(Exception):
    """A call cannot be done; the message says why."""


def run(*command):
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise CallError(f"{command[0]} ended with {result.returncode}: {result.stderr[-1000:]}")


def mounted(path):
    """Whether a folder is a mount; None for a mount that has lost its process. Raises OSError."""
    try:
        return Path(path).stat().st_dev != Path(path).parent.stat().st_dev
    except OSError as error:
        if error.errno in CORRUPTED:
            return None
        raise


def record(volume):
    return RECORDS / f"nodestage-{volume}.json"


def mount(context, staging, secrets, mode):
    if context.get("staticVolume") != "true" or context.get("mounter") != "fuse":
        raise CallError(f"a volume that this node cannot mount: {context}")
    (monitors,) = [each["monitors"] for each in json.loads(CONFIG.read_text()) if each["clusterID"] == context["clusterID"]]
    options = ["-o", "ro"] if mode == READERS_ONLY else []
    if "fsName" in context:
        options.append(f"--client_mds_namespace={context['fsName']}")
    with tempfile.NamedTemporaryFile("w", dir=KEYS) as key:
        key.write(secrets["userKey"])
        key.flush()
        who = ("-n", f"client.{secrets['userID']}", f"--keyfile={key.name}", "-r", context["rootPath"])
        run("ceph-fuse", staging, "-m", ",".join(monitors), "-c", CEPH, *who, "--client_mount_timeout=30", *options)


def stage(request):
    """Mount a share. Where it is mounted already, nothing is done, whatever the key is by now."""
    staging = request.staging_target_path
    if mounted(staging) is None:
        run("umount", "--all-targets", staging)
    if mounted(staging):
        return TYPES["Nothing"]()
    secrets, mode = {each.key: each.value for each in request.secrets}, request.volume_capability.access_mode.mode
    mount({each.key: each.value for each in request.volume_context}, staging, secrets, mode)
    record(request.volume_id).write_text(json.dumps({"secrets": secrets, "mode": mode}))
    record(request.volume_id).chmod(0o600)
    return TYPES["Nothing"]()


def publish(request):
    """Bind a staged share into a Pod's folder; where the share has lost its process, mount it again first."""
    staging, target = request.staging_target_path, request.target_path
    Path(target).mkdir(parents=True, exist_ok=True)
    if not mounted(staging) or mounted(target) is None:
        kept = json.loads(record(request.volume_id).read_text())
        if not mounted(staging):
            subprocess.run(("umount", "--all-targets", staging), capture_output=True, check=False)
            mount({each.key: each.value for each in request.volume_context}, staging, kept["secrets"], kept["mode"])
        subprocess.run(("umount", target), capture_output=True, check=False)
    if not mounted(target):
        run("mount", "--bind", staging, target)
        if request.readonly:
            run("mount", "-o", "remount,bind,ro", target)
    return TYPES["Nothing"]()


def unpublish(request):
    """Unmount a folder of a Pod and remove it. One that says that it is not there is taken for removed."""
    try:
        there = mounted(request.target_path)
    except FileNotFoundError:
        return TYPES["Nothing"]()
    if there is not False:
        run("umount", request.target_path)
    Path(request.target_path).rmdir()
    return TYPES["Nothing"]()


def unstage(request):
    record(request.volume_id).unlink(missing_ok=True)
    try:
        there = mounted(request.staging_target_path)
    except FileNotFoundError:
        return TYPES["Nothing"]()
    if there is not False:
        run("umount", "--all-targets", request.staging_target_path)
    return TYPES["Nothing"]()


def service(name, calls):
    """A gRPC service. calls: name to (type of the request, what answers it)."""

    def handler(title, request_type, answer):
        def call(request, context):
            try:
                response = answer(request)
            except (CallError, OSError, KeyError, ValueError) as error:
                print(f"{title} refused: {error!r}", file=sys.stderr, flush=True)
                context.abort(grpc.StatusCode.INTERNAL, repr(error))
            print(title, getattr(request, "volume_id", ""), flush=True)
            return response

        return grpc.unary_unary_rpc_method_handler(call, TYPES[request_type].FromString, lambda message: message.SerializeToString())

    return grpc.method_handlers_generic_handler(name, {title: handler(title, *call) for title, call in calls.items()})


def serve(address, *services):
    """Answer on a socket, for ever."""
    Path(address.removeprefix("unix://")).unlink(missing_ok=True)
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers(services)
    server.add_insecure_port(address)
    server.start()
    server.wait_for_termination()


def node_plugin(arguments):
    nothing = TYPES["Nothing"]
    stages = TYPES["Capability"](rpc=TYPES["Call"](type=1))  # STAGE_UNSTAGE_VOLUME
    identity = {
        "GetPluginInfo": ("Nothing", lambda _: TYPES["Info"](name=arguments.drivername, vendor_version="tests")),
        "GetPluginCapabilities": ("Nothing", lambda _: nothing()),
        "Probe": ("Nothing", lambda _: nothing()),
    }
    node = {
        "NodeGetInfo": ("Nothing", lambda _: TYPES["Node"](node_id=arguments.nodeid)),
        "NodeGetCapabilities": ("Nothing", lambda _: TYPES["Capabilities"](capabilities=[stages])),
        "NodeStageVolume": ("Stage", stage),
        "NodeUnstageVolume": ("Unstage", unstage),
        "NodePublishVolume": ("Publish", publish),
        "NodeUnpublishVolume": ("Unpublish", unpublish),
    }
    serve(arguments.endpoint, service("csi.v1.Identity", identity), service("csi.v1.Node", node))


def registrar(arguments):
    """Tell the kubelet of the plug-in, by a socket in its folder for that."""
    channel = grpc.insecure_channel(f"unix://{arguments.csi_address}")
    ask = channel.unary_unary("/csi.v1.Identity/GetPluginInfo", lambda message: message.SerializeToString(), TYPES["Info"].FromString)
    name = ask(TYPES["Nothing"](), wait_for_ready=True, timeout=60).name
    info = TYPES["Registered"](type="CSIPlugin", name=name, endpoint=arguments.kubelet_registration_path, supported_versions=["1.0.0"])

    def told(status):
        print("registered" if status.plugin_registered else status.error, flush=True)
        return TYPES["Nothing"]()

    calls = {"GetInfo": ("Nothing", lambda _: info), "NotifyRegistrationStatus": ("Status", told)}
    serve(f"unix:///registration/{name}-reg.sock", service("pluginregistration.Registration", calls))


def main():
    parser = argparse.ArgumentParser()
    for name in ("--nodeid", "--endpoint", "--drivername", "--csi-address", "--kubelet-registration-path"):
        parser.add_argument(name, default="")
    arguments, _ = parser.parse_known_args()
    registrar(arguments) if arguments.kubelet_registration_path else node_plugin(arguments)


if __name__ == "__main__":
    main()
