"""Read-only checks of a real cloud before the first `pulumi up`. Each finding has its fix."""
