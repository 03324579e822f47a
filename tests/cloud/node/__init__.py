"""Real Kubernetes nodes on one machine: kubelet, containerd, runc, CNI, kube-proxy, CoreDNS and enforced network policies.

    machine room   a network namespace with the control plane of tests/cloud/kube.py and a bridge; the nodes' way out ends here
    node           namespaces and control groups of its own; its root is this machine's, with changes in memory

The API server is at 10.10.0.60:6443 there, as in the recordings of the dev stack, and behind a relay on 127.0.0.1 here.
Nodes are 10.10.0.11 and up, their Pods 10.100.1.0/24 and up, Services 10.254.0.0/16. There is no way to this machine's network.
"""
