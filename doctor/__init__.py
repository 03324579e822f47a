"""Checks of a real cloud before the first `pulumi up`: read-only, each with its fix."""
