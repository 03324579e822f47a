"""The server of models."""
