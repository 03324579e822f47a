"""What a stack file may say. Plain checked values; no Pulumi resource is made here."""

from settings.stack import StackSettings
from settings.stack_file import StackFileError, load, read

__all__ = ["StackFileError", "StackSettings", "load", "read"]
