"""Where data lies inside the cluster: volumes, writable shares, the CSI node plug-ins."""
