"""A CSI node plug-in for tests, in the place of CephCSI, which no package registry has."""
