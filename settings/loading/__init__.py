"""Turns a stack file into `StackSettings`, or into one message that lists everything that is wrong with it.

The engine passes a stack's configuration to the program as a flat mapping of text (PULUMI_CONFIG): a scalar as it is, a mapping or list
as JSON. `yaml_file` makes the same mapping from a file, so the offline preview and `pulumi up` use the same code.
"""
