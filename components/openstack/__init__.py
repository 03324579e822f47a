"""What stands on OpenStack: projects, network, cluster, shares, buckets and the public name."""
