"""What crosses all layers: the stack's settings, names, secrets, images and people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.kubernetes.namespace import NamespaceRef
from components.kubernetes.network_policies import Flow, NetworkPoliciesArgs, Pods
from settings import StackFileError, StackSettings, load
from settings.values.entry import LoadBalancerEntry, NoEntry
from settings.values.login import slug


@dataclass(frozen=True, kw_only=True)
class Stack:
    """One stack, as every layer sees it."""

    title: str
    """Begins the names that people see on the cloud, such as gaia-dmp-dev."""

    settings: StackSettings
    """What the stack file says."""

    @classmethod
    def load(cls) -> "Stack":
        """The stack that the engine runs. Raises pulumi.RunError, before anything is registered, where its stack file is wrong."""
        name = pulumi.get_stack()
        config, secret_keys = pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
        try:
            settings = load(config, secret_keys, f"Pulumi.{name}.yaml")
        except StackFileError as error:
            raise pulumi.RunError(str(error)) from None
        return cls(title=f"{pulumi.get_project()}-{name}", settings=settings)

    @property
    def protect(self) -> bool:
        """Whether the engine refuses to destroy what holds data."""
        return self.settings.protected

    @property
    def people(self) -> Mapping[str, str]:
        """Login names of everybody who has limits of their own, to what they are in names of objects."""
        return {login: slug(login) for login in self.settings.administrators()}

    @property
    def serving(self) -> bool:
        """Whether people work here. False while another stack serves the same notebooks."""
        return not self.settings.zeppelin.standby

    @property
    def origin(self) -> str:
        """Address that browsers come by."""
        entry = self.settings.entry
        # `kubectl port-forward` brings the browser to its own machine.
        return "http://localhost:8080" if isinstance(entry, NoEntry) else f"https://{entry.hostname}"

    @property
    def connect_address(self) -> str:
        """Where clients of Spark Connect come, as their URLs begin."""
        entry = self.settings.entry
        return "sc://localhost:8080" if isinstance(entry, NoEntry) else f"sc://{entry.hostname}:443"

    @property
    def balanced(self) -> bool:
        """Whether a load balancer of the cloud leads here."""
        return isinstance(self.settings.entry, LoadBalancerEntry)

    def secret(self, key: str) -> pulumi.Output[str]:
        """The secret under one config key."""
        return pulumi.Config().require_secret(key)

    def optional_secret(self, key: str | None) -> pulumi.Output[str] | None:
        """The secret under one config key, where a setting names one."""
        return self.secret(key) if key else None

    @property
    def registry_login(self) -> pulumi.Output[str] | None:
        """Docker config.json (secret) for the registry, where images need one."""
        return self.optional_secret(self.settings.images.pull_secret)

    def image(self, name: str) -> str:
        """The image `images.<name>`, from the mirror where the stack names one."""
        image, prefix = getattr(self.settings.images, name), self.settings.images.registry_prefix
        return f"{prefix}/{image}" if prefix else image

    def ceph_ids(self, *parts: str) -> tuple[str, ...]:
        """The Ceph ids of this stack on one share: the one that volumes use, then one that is kept while Pods move over.

        Manila requires each to be unique in the whole cloud and without a dot, which a stack's name may have.
        """
        rotation = self.settings.rotation
        generations = [each for each in (rotation.ceph_keys, rotation.ceph_keys_kept) if each]
        return tuple("-".join([self.title, *parts, *([str(each)] if each > 1 else [])]).replace(".", "-") for each in generations)

    @property
    def pod_environment(self) -> dict[str, str]:
        """What a process in a Pod needs to reach the world: proxy, mirrors, certificates."""
        outside = self.settings.outside
        result = {}
        if outside.http_proxy:
            inside = ["localhost", "127.0.0.1", ".svc", ".cluster.local", "kubernetes.default.svc"]
            result |= dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), outside.http_proxy)
            result |= dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join([*inside, *outside.no_proxy]))
        if outside.pip_index:
            result["PIP_INDEX_URL"] = outside.pip_index
        if outside.ca_bundle:
            result |= dict.fromkeys(("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT"), "/opt/platform/ca-bundle.pem")
        return result

    def network_policies(self, namespace: NamespaceRef, flows: Sequence[Flow], api_callers: Sequence[Pods]) -> NetworkPoliciesArgs:
        """The network policies of one namespace. api_callers: the Pods that call the Kubernetes API."""
        cloud = self.settings.cloud
        return NetworkPoliciesArgs(
            namespace=namespace,
            flows=flows,
            api_callers=api_callers,
            api_server=cloud.api_server,
            inner_networks=cloud.inner_networks,
            cilium=cloud.network_driver == "cilium",
        )
