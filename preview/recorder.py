"""The recorder: the SDK's mock monitor, made to behave as the engine does where a preview depends on it."""

import threading
from collections.abc import Mapping
from typing import Any

from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockMonitor, Mocks
from pulumi.runtime.proto import resource_pb2

from preview.answers import COMPUTED, QUERIES, identifier
from recording import SECRET, SIGNATURE, STACK_TYPE, UNKNOWN, Mode, RecordedInvoke, RecordedResource, Recording

_PROVIDER = "pulumi:providers:"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a marker of the SDK's protocol
_RESOURCE_SIGNATURE = "5cf8f73096256a8f31e491e813e4eb8e"


class ProgramError(Exception):
    """The program asked for something that the engine or the cloud would refuse."""


class _NoMocks(Mocks):
    """The monitor answers by itself; nothing reaches the mocks."""

    def call(self, args: Any) -> tuple[dict, None]:
        raise NotImplementedError

    def new_resource(self, args: Any) -> tuple[str, dict]:
        raise NotImplementedError


class Recorder(MockMonitor):
    """Records every registration and query and answers them from `preview.answers`.

    As the engine does, it builds urns with the full chain of parent types, refuses a urn that stands already and a resource
    without a provider of its own (default providers are disabled), honours `additionalSecretOutputs` (by which the SDKs also
    mark the outputs that a provider's schema calls secret), and in preview mode leaves ids and computed outputs unknown.

    revealed: by urn, the inputs with secrets in clear, in update mode: for fingerprints, and recorded nowhere.
    """

    def __init__(self, project: str, stack: str, mode: Mode) -> None:
        super().__init__(_NoMocks())
        self.recording = Recording(project=project, stack=stack, mode=mode)
        self.failures: list[ProgramError] = []
        self.revealed: dict[str, dict[str, Any]] = {}
        self._by_urn: dict[str, RecordedResource] = {}
        self._lock = threading.Lock()

    def finished(self) -> Recording:
        """The recording, in its final order. Raises the first ProgramError that came up."""
        if self.failures:
            raise self.failures[0]
        self.recording.resources = sorted(self._by_urn.values(), key=lambda resource: (_depth(resource, self._by_urn), resource.urn))
        self.recording.invokes.sort(key=lambda invoke: (invoke.token, str(invoke.args)))
        return self.recording

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """The urn as the engine builds it: every parent's type but the stack's, joined by `$`."""
        chain = parent.split("::")[2] if parent else STACK_TYPE
        qualified = type_ if chain == STACK_TYPE else f"{chain}${type_}"
        return f"urn:pulumi:{self.recording.stack}::{self.recording.project}::{qualified}::{name}"

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - name of the protocol
        """Record one registration and answer it."""
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=self.make_urn("", STACK_TYPE, request.name))
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type.startswith("kubernetes:") and request.custom:
            _name_object(request, urn)
        inputs, secret_paths = _plain(request.object)
        provider = _without_id(request.provider)
        resource = RecordedResource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent="" if STACK_TYPE in request.parent.split("::") else request.parent,
            provider=provider,
            custom=request.custom,
            inputs=inputs,
            secret_paths=sorted(secret_paths),
            outputs={},
            options=_options(request),
            property_dependencies={key: sorted(each.urns) for key, each in sorted(request.propertyDependencies.items()) if each.urns},
        )
        preview = self.recording.mode == "preview"
        if not preview:
            self.revealed[urn] = _revealed(request.object)
        with self._lock:
            if urn in self._by_urn:
                self._fail(f"duplicate resource URN {urn}; try giving it a unique name")
            self._by_urn[urn] = resource
        if request.custom and not request.type.startswith(_PROVIDER) and not provider:
            self._fail(f"{urn}: no explicit provider, and the default providers are disabled (pulumi:disable-default-providers)")
        state = struct_pb2.Struct()
        state.CopyFrom(request.object)
        if request.type in COMPUTED and not preview:
            computed = COMPUTED[request.type](request.name, self.revealed[urn])
            state.MergeFrom(_struct({key: value for key, value in computed.items() if key not in state.fields}))
        for key in request.additionalSecretOutputs:
            if key in state.fields:
                _make_secret(state, key)
            elif preview:
                state.fields[key].CopyFrom(_secret(struct_pb2.Value(string_value=rpc.UNKNOWN)))
        resource.outputs, _ = _plain(state)
        id_ = "" if preview or not request.custom else identifier(urn)
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=state)

    def ReadResource(self, request: Any) -> Any:  # noqa: N802 - name of the protocol
        """Record what the program reads by its id, with the option `read`; the engine never changes or deletes it."""
        urn = self.make_urn(request.parent, request.type, request.name)
        provider = _without_id(request.provider)
        if not provider:
            self._fail(f"{urn}: no explicit provider, and the default providers are disabled")
        state = struct_pb2.Struct()
        if self.recording.mode == "update":
            state.update(COMPUTED[request.type](request.name, {}))
        for key in request.additionalSecretOutputs:
            if key in state.fields:
                _make_secret(state, key)
        outputs, _ = _plain(state)
        with self._lock:
            self._by_urn[urn] = RecordedResource(
                urn=urn,
                type=request.type,
                name=request.name,
                parent="" if STACK_TYPE in request.parent.split("::") else request.parent,
                provider=provider,
                custom=True,
                inputs={},
                secret_paths=[],
                outputs=outputs,
                options={"read": request.id},
            )
        return resource_pb2.ReadResourceResponse(urn=urn, properties=state)

    def RegisterResourceOutputs(self, request: Any) -> empty_pb2.Empty:  # noqa: N802 - name of the protocol
        """Record what a component, or the stack, registers as its outputs."""
        outputs, _ = _plain(request.outputs)
        if STACK_TYPE in request.urn.split("::"):
            self.recording.outputs = outputs
        else:
            self._by_urn[request.urn].outputs = outputs
        return empty_pb2.Empty()

    def Invoke(self, request: Any) -> Any:  # noqa: N802 - name of the protocol
        """Record one query and answer it from the table."""
        args, _ = _plain(request.args)
        provider = _without_id(request.provider)
        with self._lock:
            self.recording.invokes.append(RecordedInvoke(token=request.tok, args=args, provider=provider))
        if not provider:
            self._fail(f"query {request.tok}: no explicit provider, and the default providers are disabled")
        if request.tok not in QUERIES:
            self._fail(f"query {request.tok}: no answer is known offline; preview/answers.py has the table")
        response = resource_pb2.ResourceInvokeResponse()
        # `return` is a word of Python's, so the field cannot be given by name.
        getattr(response, "return").CopyFrom(_struct(QUERIES[request.tok](args)))
        return response

    def _fail(self, message: str) -> None:
        error = ProgramError(message)
        self.failures.append(error)
        raise error


def _without_id(reference: str) -> str:
    """The urn in a reference to a provider, `<urn>::<id>`."""
    return reference.rsplit("::", 1)[0]


def _name_object(request: Any, urn: str) -> None:
    """Give a Kubernetes object without a name the one its provider would: the resource's name and 8 further letters."""
    metadata = request.object.fields["metadata"].struct_value
    if "name" not in metadata.fields:
        metadata.fields["name"].string_value = f"{request.name}-{identifier(urn)[:8]}"


def _depth(resource: RecordedResource, by_urn: Mapping[str, RecordedResource]) -> int:
    depth = 0
    while resource.parent:
        resource, depth = by_urn[resource.parent], depth + 1
    return depth


def _options(request: Any) -> dict[str, Any]:
    """The options of a registration that differ from the engine's default."""
    options: dict[str, Any] = {
        "aliases": [_alias(alias) for alias in request.aliases],
        "additionalSecretOutputs": sorted(request.additionalSecretOutputs),
        "customTimeouts": {
            key: getattr(request.customTimeouts, key) for key in ("create", "update", "delete") if getattr(request.customTimeouts, key)
        },
        "deleteBeforeReplace": request.deleteBeforeReplace,
        "deletedWith": request.deletedWith,
        "dependencies": sorted(request.dependencies),
        "hooks": sorted({hook for _, hooks in request.hooks.ListFields() for hook in hooks}),
        "ignoreChanges": sorted(request.ignoreChanges),
        "importId": request.importId,
        "protect": request.protect,
        "providers": {key: _without_id(value) for key, value in request.providers.items()},
        "replaceOnChanges": sorted(request.replaceOnChanges),
        "retainOnDelete": request.retainOnDelete,
    }
    return {key: value for key, value in options.items() if value}


def _alias(alias: Any) -> str:
    return alias.urn or f"{alias.spec.parentUrn}::{alias.spec.type}::{alias.spec.name}"


def _plain(struct: struct_pb2.Struct) -> tuple[dict[str, Any], list[str]]:
    """Properties as plain data with secrets masked and unknown values marked, and the paths of the secrets."""
    secrets: list[str] = []
    return {key: _plain_value(value, key, secrets) for key, value in struct.fields.items()}, secrets


def _plain_value(value: struct_pb2.Value, path: str, secrets: list[str]) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_plain_value(item, f"{path}[{index}]", secrets) for index, item in enumerate(value.list_value.values)]
        case "struct_value":
            fields = value.struct_value.fields
            signature = fields[SIGNATURE].string_value if SIGNATURE in fields else ""
            if signature == _SECRET_SIGNATURE:
                secrets.append(path)
                return SECRET
            if signature == _RESOURCE_SIGNATURE:
                return fields["urn"].string_value
            return {key: _plain_value(item, f"{path}.{key}", secrets) for key, item in fields.items()}
    return None


def _revealed(struct: struct_pb2.Struct) -> dict[str, Any]:
    """The inputs with secrets in clear; nothing of it is recorded but what is marked secret again."""
    return {key: _unwrapped(value) for key, value in rpc.deserialize_properties(struct, keep_unknowns=True).items()}


def _unwrapped(value: Any) -> Any:
    if rpc.is_rpc_secret(value):
        return _unwrapped(value["value"])
    if isinstance(value, dict):
        return {key: _unwrapped(item) for key, item in value.items()}
    return [_unwrapped(item) for item in value] if isinstance(value, list) else value


def _secret(value: struct_pb2.Value) -> struct_pb2.Value:
    fields = {SIGNATURE: struct_pb2.Value(string_value=_SECRET_SIGNATURE), "value": value}
    return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))


def _make_secret(state: struct_pb2.Struct, key: str) -> None:
    value = state.fields[key]
    if value.WhichOneof("kind") == "struct_value" and value.struct_value.fields.get(SIGNATURE):
        return
    copy = struct_pb2.Value()
    copy.CopyFrom(value)
    value.CopyFrom(_secret(copy))


def _struct(properties: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(dict(properties))
    return struct
