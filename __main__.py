"""The platform of one stack: a cloud, storage on it, Spark and Zeppelin in its cluster, a way in, and what looks after them."""

import pulumi

from layers import access, cloud, machines, models, observability, spark, storage, zeppelin
from layers.stack import Stack

stack = Stack.load()  # Pulumi.<stack>.yaml; refused before anything is registered
if stack.settings.machines:  # the fall-back without a cluster
    found = machines.build(stack)
    pulumi.export("zeppelin_url", found.url)
    pulumi.export("passwords", found.passwords)
    pulumi.export("public_address", found.public_address)
else:
    ground = cloud.build(stack)  # OpenStack network and Magnum cluster, or a cluster that exists
    data = storage.build(stack, ground)  # shares, buckets, volumes, CSI plug-ins
    engine = spark.build(stack, ground, data)  # namespace, quotas, rights, admission, policies, history, dataset check
    notebooks = zeppelin.build(stack, data, engine)  # server after the isolation, backups, images, cleaner
    models.build(stack, data, engine, notebooks)  # MLflow, where the stack has it
    door = access.build(stack, ground, data, engine, notebooks)  # gateway, TLS, OIDC proxy, load balancer or Ingress
    watch = observability.build(stack, data, engine, notebooks)  # metrics, alerts, dashboards, test notebook
    pulumi.export("zeppelin_url", door.url)
    pulumi.export("passwords", notebooks.passwords)
    pulumi.export("test_user", watch.test_user)
    pulumi.export("kubeconfig", ground.kubeconfig)
    pulumi.export("public_address", door.public_address)
    pulumi.export("namespaces", {**data.namespaces, **engine.namespaces, **notebooks.namespaces, **watch.namespaces})
    pulumi.export("kubernetes_version", ground.version)
    pulumi.export("wanted_kubernetes_version", stack.settings.cloud.kubernetes_version)

pulumi.export("serving", stack.serving)
pulumi.export("datasets", {dataset.name: dataset.location for dataset in stack.settings.datasets if not dataset.away})
pulumi.export("capacity", stack.settings.capacity())
