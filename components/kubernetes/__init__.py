"""What every part inside the cluster is made of: namespaces, restricted Pods, network policies."""
