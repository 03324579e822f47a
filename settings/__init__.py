"""What a stack file may say. Plain checked values; no Pulumi resource is made here."""

from settings.loading.load import StackFile, load, load_file
from settings.loading.refusal import StackFileError
from settings.loading.yaml_file import read
from settings.stack import StackSettings
from settings.values.vocabulary import PROJECT

__all__ = ["PROJECT", "StackFile", "StackFileError", "StackSettings", "load", "load_file", "read"]
