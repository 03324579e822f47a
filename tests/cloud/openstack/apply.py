"""The OpenStack resources of a recording, made through the real APIs and removed again. A test tool: it has no state and no update.

It shows that the services take what the program asks for: names, ranges, sizes, labels, order. What the provider plug-in makes of it
is shown by tests/engine.
"""

import base64
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from openstack.connection import Connection

from preview.answers import identifier
from recording import RecordedResource, Recording
from tests.cloud.openstack.connections import NODE_GROUPS, connect
from tests.support.eventually import eventually

Inputs = Mapping[str, Any]
Made = tuple[str, Callable[[], Any]]
"""Id of what was made, and how it is removed."""


@dataclass
class Project:
    """One project, as its own user. Every method `<kind>` makes one resource of that kind from the inputs of the provider's resource."""

    connection: Connection
    secrets: dict[str, str] = field(default_factory=dict)
    """Secret of each application credential by its id: no service tells it twice."""

    @cached_property
    def _network(self) -> Any:
        return self.connection.network

    def network(self, _name: str, inputs: Inputs) -> Made:
        made = self._network.create_network(name=inputs["name"])
        return made.id, lambda: self._network.delete_network(made.id, ignore_missing=False)

    def subnet(self, _name: str, inputs: Inputs) -> Made:
        pools = inputs.get("allocationPools")
        made = self._network.create_subnet(
            name=inputs["name"],
            network_id=inputs["networkId"],
            cidr=inputs["cidr"],
            gateway_ip=inputs["gatewayIp"],
            ip_version=inputs["ipVersion"],
            dns_nameservers=inputs.get("dnsNameservers", []),
            **({"allocation_pools": pools} if pools else {}),
        )
        return made.id, lambda: self._network.delete_subnet(made.id, ignore_missing=False)

    def router(self, _name: str, inputs: Inputs) -> Made:
        made = self._network.create_router(name=inputs["name"], external_gateway_info={"network_id": inputs["externalNetworkId"]})
        return made.id, lambda: self._network.delete_router(made.id, ignore_missing=False)

    def routerInterface(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802 - the provider's word
        end = {"port": inputs["portId"]} if inputs.get("portId") else {"subnet": inputs["subnetId"]}
        made = self._network.add_interface_to_router(inputs["routerId"], **end)
        return made["port_id"], lambda: self._network.remove_interface_from_router(inputs["routerId"], **end)

    def port(self, _name: str, inputs: Inputs) -> Made:
        addresses = [{"subnet_id": each["subnetId"], "ip_address": each["ipAddress"]} for each in inputs["fixedIps"]]
        groups = {"security_group_ids": inputs["securityGroupIds"]} if "securityGroupIds" in inputs else {}
        made = self._network.create_port(name=inputs["name"], network_id=inputs["networkId"], fixed_ips=addresses, **groups)
        return made.id, lambda: self._network.delete_port(made.id)  # a port on a router goes with its interface

    def secGroup(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802
        made = self._network.create_security_group(name=inputs["name"], description=inputs["description"])
        for rule in made.security_group_rules if inputs["deleteDefaultRules"] else []:
            self._network.delete_security_group_rule(rule["id"])
        return made.id, lambda: self._network.delete_security_group(made.id, ignore_missing=False)

    def secGroupRule(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802
        made = self._network.create_security_group_rule(**_snake(inputs))
        return made.id, lambda: self._network.delete_security_group_rule(made.id, ignore_missing=False)

    def routerRoute(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802
        route = {"destination": inputs["destinationCidr"], "nexthop": inputs["nextHop"]}
        body = {"router": {"routes": [route]}}
        self._network.add_extra_routes_to_router(inputs["routerId"], body)
        return f"{inputs['routerId']}-route", lambda: self._network.remove_extra_routes_from_router(inputs["routerId"], body)

    def subnetRoute(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802
        route = {"destination": inputs["destinationCidr"], "nexthop": inputs["nextHop"]}

        def change(keep: Callable[[list[Any]], list[Any]]) -> None:
            routes = self._network.get_subnet(inputs["subnetId"]).host_routes
            self._network.update_subnet(inputs["subnetId"], host_routes=keep(routes))

        change(lambda routes: [*routes, route])
        return f"{inputs['subnetId']}-route", lambda: change(lambda routes: [each for each in routes if each != route])

    def floatingIp(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802
        pool = self._network.find_network(inputs["pool"], ignore_missing=False)
        made = self._network.create_ip(floating_network_id=pool.id, description=inputs["description"])
        return made.id, lambda: self._network.delete_ip(made.id, ignore_missing=False)

    def floatingIpAssociate(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802
        address = self._network.find_ip(inputs["floatingIp"], ignore_missing=False)
        self._network.update_ip(address, port_id=inputs["portId"])
        return address.id, lambda: self._network.update_ip(address, port_id=None)

    def serverGroup(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802
        compute: Any = self.connection.compute
        made = compute.create_server_group(name=inputs["name"], policies=[inputs["policies"]])
        return made.id, lambda: compute.delete_server_group(made.id, ignore_missing=False)

    def volume(self, _name: str, inputs: Inputs) -> Made:
        volumes: Any = self.connection.block_storage
        kind = {"volume_type": inputs["volumeType"]} if "volumeType" in inputs else {}
        made = volumes.create_volume(name=inputs["name"], size=inputs["size"], metadata=inputs["metadata"], **kind)
        volumes.wait_for_status(made, "available", failures=["error"], interval=0.2, wait=60)
        return made.id, lambda: (volumes.delete_volume(made.id), volumes.wait_for_delete(made, interval=0.2, wait=60))

    def instance(self, _name: str, inputs: Inputs) -> Made:
        compute: Any = self.connection.compute
        made = compute.create_server(
            name=inputs["name"],
            image_id=self.connection.image.find_image(inputs["imageName"], ignore_missing=False).id,
            flavor_id=compute.find_flavor(inputs["flavorName"], ignore_missing=False).id,
            networks=[{"port": each["port"]} for each in inputs["networks"]],
            scheduler_hints={"group": inputs["schedulerHints"][0]["group"]},
            metadata=inputs["metadata"],
            user_data=base64.b64encode(inputs["userData"].encode()).decode(),
        )
        compute.wait_for_server(made, interval=0.2, wait=60)
        return made.id, lambda: (compute.delete_server(made.id), compute.wait_for_delete(made, interval=0.2, wait=60))

    def volumeAttach(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802
        compute: Any = self.connection.compute
        volumes: Any = self.connection.block_storage
        server, volume = inputs["instanceId"], volumes.get_volume(inputs["volumeId"])
        compute.create_volume_attachment(server, volume_id=volume.id)
        volumes.wait_for_status(volume, "in-use", failures=["error"], interval=0.2, wait=60)

        def remove() -> None:
            compute.delete_volume_attachment(server, volume.id, ignore_missing=False)
            volumes.wait_for_status(volume, "available", failures=["error"], interval=0.2, wait=60)

        return f"{server}/{volume.id}", remove

    def keypair(self, name: str, inputs: Inputs) -> Made:
        compute: Any = self.connection.compute
        made = compute.create_keypair(name=name, public_key=inputs["publicKey"])
        return made.name, lambda: compute.delete_keypair(made.name, ignore_missing=False)

    def share(self, _name: str, inputs: Inputs) -> Made:
        shares: Any = self.connection.shared_file_system
        fields = {"name": inputs["name"], "size": inputs["size"], "share_protocol": inputs["shareProto"], "share_type": inputs["shareType"]}
        made = shares.create_share(**fields, is_public=inputs["isPublic"])
        shares.wait_for_status(made, "available", failures=["error"], interval=0.5, wait=60)
        return made.id, lambda: (shares.delete_share(made.id), eventually(lambda: shares.find_share(made.id) is None))

    def shareAccess(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802
        shares: Any = self.connection.shared_file_system
        rule = {"access_type": inputs["accessType"], "access_to": inputs["accessTo"], "access_level": inputs["accessLevel"]}
        made = shares.create_access_rule(inputs["shareId"], **rule)

        def rules() -> list[Any]:
            return [each for each in shares.access_rules(inputs["shareId"]) if each.id == made.id]

        eventually(lambda: rules()[0].state == "active")
        return made.id, lambda: (shares.delete_access_rule(made.id, inputs["shareId"]), eventually(lambda: not rules()))

    def container(self, _name: str, inputs: Inputs) -> Made:
        store: Any = self.connection.object_store
        title = inputs["name"]
        store.create_container(title)

        def remove() -> None:
            # As `force_destroy` does; the tests keep no bucket.
            for each in list(store.objects(title)):
                store.delete_object(each.name, container=title)
            store.delete_container(title)

        return title, remove

    def ec2CredentialV3(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802
        identity: Any = self.connection.identity
        keys = f"/users/{inputs['userId']}/credentials/OS-EC2"
        made = identity.post(keys, json={"tenant_id": inputs["projectId"]})
        assert made.ok, made.text
        access = made.json()["credential"]["access"]
        return access, lambda: identity.delete(f"{keys}/{access}")

    def applicationCredential(self, name: str, inputs: Inputs) -> Made:  # noqa: N802
        identity: Any = self.connection.identity
        path = f"/users/{self.connection.current_user_id}/application_credentials"
        rules = [{"service": each["service"], "method": each["method"], "path": each["path"]} for each in inputs["accessRules"]]
        roles = [{"name": role} for role in inputs["roles"]]
        body = {"name": name, "description": inputs["description"], "roles": roles, "access_rules": rules}
        made = identity.post(path, json={"application_credential": body})
        assert made.ok, made.text
        found = made.json()["application_credential"]
        self.secrets[found["id"]] = found["secret"]
        return found["id"], lambda: identity.delete(f"{path}/{found['id']}")

    def clusterTemplate(self, name: str, inputs: Inputs) -> Made:  # noqa: N802
        fields = {"name": name, "image_id": inputs["image"]} | _magnum(inputs, "image")
        id_ = self._magnum("post", "/clustertemplates", {**fields, "labels": inputs["labels"]})["uuid"]
        return id_, lambda: self._magnum("delete", f"/clustertemplates/{id_}")

    def cluster(self, _name: str, inputs: Inputs) -> Made:
        id_ = self._magnum("post", "/clusters", _magnum(inputs) | {"labels": inputs["labels"]})["uuid"]
        self._complete(f"/clusters/{id_}")

        def remove() -> None:
            self._magnum("delete", f"/clusters/{id_}")
            eventually(lambda: self._ask("get", f"/clusters/{id_}").status_code == 404)

        return id_, remove

    def nodeGroup(self, _name: str, inputs: Inputs) -> Made:  # noqa: N802
        groups = f"/clusters/{inputs['clusterId']}/nodegroups"
        id_ = self._magnum("post", groups, _magnum(inputs, "clusterId"))["uuid"]
        self._complete(f"{groups}/{id_}")
        return id_, lambda: None  # it goes with its cluster, as it does under the engine

    def _magnum(self, method: str, path: str, body: Any = None) -> Any:
        response = self._ask(method, path, **({"json": body} if body else {}))
        assert response.ok, f"{method} {path} {body}: {response.status_code} {response.text}"
        return response.json() if response.text else {}

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        magnum: Any = self.connection.container_infrastructure_management
        return getattr(magnum, method)(path, headers=NODE_GROUPS, **more)

    def _complete(self, path: str) -> None:
        eventually(lambda: self._ask("get", path).status_code == 200, 10)  # the conductor makes it after the API has answered
        eventually(lambda: not self._magnum("get", path)["status"].endswith("IN_PROGRESS"), 120)
        found = self._magnum("get", path)
        assert found["status"] == "CREATE_COMPLETE" or found["status"].endswith("UPDATE_COMPLETE"), found


_FIELDS = {"externalNetworkId": "external_network_id", "clusterTemplateId": "cluster_template_id", "flavorId": "flavor_id"}
_FIELDS |= {"flavor": "flavor_id", "masterFlavor": "master_flavor_id"}


def _magnum(inputs: Inputs, *without: str) -> dict[str, Any]:
    """Inputs of the provider's resource as fields of Magnum's API: its words but for a few, with underscores."""
    renamed = {_FIELDS.get(key, key): value for key, value in inputs.items() if key not in {"createTimeout", "region", *without}}
    return _snake(renamed)


def _snake(inputs: Inputs) -> dict[str, Any]:
    """Inputs with the words of an API: with underscores."""
    return {"".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key): inputs[key] for key in inputs}


def queries(recording: Recording, file: Path) -> dict[str, str]:
    """What the recording's queries answered, to what the real cloud answers."""
    answers: dict[str, str] = {}
    providers = _providers(recording)
    for invoke in recording.invokes:
        kind, name = invoke.token.rsplit(":", 1)[1].removeprefix("get"), invoke.args.get("name", "")
        connection: Any = connect(file, providers[invoke.provider]) if invoke.provider in providers else None
        match kind:
            case "Network":
                answers[identifier("network", name)] = connection.network.find_network(name, ignore_missing=False).id
            case "Share":
                answers[identifier("share", name)] = connection.shared_file_system.find_share(name, ignore_missing=False).id
    return answers


def _providers(recording: Recording) -> dict[str, str]:
    """Urn of each OpenStack provider to its entry in clouds.yaml."""
    return {resource.urn: resource.inputs["cloud"] for resource in recording.of_type("pulumi:providers:openstack")}


def in_order(recording: Recording) -> Iterator[RecordedResource]:
    """The OpenStack resources, each after what it depends on."""
    rest = {resource.urn: resource for resource in recording.resources if resource.type.startswith("openstack:")}
    while rest:
        ready = [resource for resource in rest.values() if not rest.keys() & set(resource.options.get("dependencies", []))]
        assert ready, f"a circle: {list(rest)}"
        for resource in ready:
            yield rest.pop(resource.urn)


@contextmanager
def applied(recording: Recording, file: Path, standing: Mapping[str, str] | None = None) -> Iterator[dict[str, str]]:
    """The OpenStack resources of a recording made in update mode, for the time of a `with`; yields real ids by urn.

    file: the clouds.yaml of a cloud on this machine. standing: ids by urn of what stands already and these lean on.
    """
    real, ids, undo = queries(recording, file), {}, []
    real |= {identifier(urn): id_ for urn, id_ in (standing or {}).items()}
    projects = {urn: Project(connect(file, entry)) for urn, entry in _providers(recording).items()}
    try:
        for resource in in_order(recording):
            kind = resource.type.split("/")[1].split(":")[0]
            id_, remove = getattr(projects[resource.provider], kind)(resource.name, replaced(resource.inputs, real))
            ids[resource.urn] = real[identifier(resource.urn)] = id_
            undo.append(remove)
            if kind == "floatingIp":
                real[resource.outputs["address"]] = projects[resource.provider].connection.network.get_ip(id_).floating_ip_address
        yield ids
    finally:
        for remove in reversed(undo):
            remove()


def replaced(value: Any, real: Mapping[str, str]) -> Any:
    """Recorded inputs with the ids that this cloud gave."""
    match value:
        case dict():
            return {key: replaced(item, real) for key, item in value.items()}
        case list():
            return [replaced(item, real) for item in value]
        case str() if value.startswith("/"):
            return "/".join(real.get(part, part) for part in value.split("/"))
        case str():
            return real.get(value, value)
    return value
