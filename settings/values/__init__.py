"""Records of a stack file: frozen, checked, without any Pulumi resource. Components take them as they are."""
