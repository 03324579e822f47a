"""From a stack file to `StackSettings`, or to one message that lists everything that is wrong with it.

The engine hands a stack's configuration to the program as a flat mapping of text (PULUMI_CONFIG): a scalar as it stands, a
mapping or list as JSON. `yaml_file` makes the same mapping from a file, so that the offline preview and `pulumi up` go one way.
"""
