"""MLflow's server of the pinned release, behind the real gateway: who may do what, what survives a kill, and an older schema."""
