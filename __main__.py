"""The platform of one stack: a cloud, storage on it, Spark and Zeppelin in its cluster, a way in, and what looks after them."""

import pulumi

from layers import platform
from layers.stack import Stack

stack = Stack.load()  # Pulumi.<stack>.yaml; refused before anything is registered
built = platform.build(stack)  # layer by layer

pulumi.export("zeppelin_url", built.url)
pulumi.export("serving", stack.serving)
pulumi.export("passwords", built.passwords)
pulumi.export("test_user", built.test_user)
pulumi.export("kubeconfig", built.kubeconfig)
pulumi.export("public_address", built.public_address)
pulumi.export("namespaces", built.namespaces)
pulumi.export("datasets", {dataset.name: dataset.location for dataset in stack.settings.datasets if not dataset.away})
pulumi.export("kubernetes_version", built.version)
pulumi.export("wanted_kubernetes_version", stack.settings.cloud.kubernetes_version)
pulumi.export("capacity", stack.settings.capacity())
