"""How a browser reaches the platform: the gateway and the OIDC proxy."""
