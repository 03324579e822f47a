"""Puts backed-up notebooks back."""
