"""The public name of the platform: one DNS record that points to the live one of two stacks."""

import sys
from pathlib import Path
from typing import Any

import pulumi

# Components and settings of the platform are one folder up.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from components.openstack.project import openstack_project
from components.openstack.public_name import PublicName, PublicNameArgs
from settings.switch import SwitchSettings, load_switch


def live_address(settings: SwitchSettings) -> pulumi.Output[str]:
    """The public address of the live stack, after a check that it serves the public name."""
    title = settings.stacks[settings.live]
    reference = pulumi.StackReference(title)

    def checked(found: list[Any]) -> str:
        address, serving, url = found
        if not address:
            raise pulumi.RunError(f"stack {title} has no public address: deploy it first, with an entry of kind load_balancer")
        if not serving:
            raise pulumi.RunError(f"stack {title} is on standby: set zeppelin.standby to false and deploy it first")
        if url != f"https://{settings.record.name}":
            raise pulumi.RunError(f"stack {title} serves {url}, not https://{settings.record.name}: set its entry.hostname to that name")
        return address

    names = ("public_address", "serving", "zeppelin_url")
    return pulumi.Output.all(*(reference.get_output(name) for name in names)).apply(checked)


try:
    settings = load_switch(pulumi.Config().get_object("name"), f"switch/Pulumi.{pulumi.get_stack()}.yaml")
except ValueError as error:
    raise pulumi.RunError(str(error)) from None
owner = openstack_project("openstack", settings.project, "project.project")
name = PublicName(
    "public-name",
    PublicNameArgs(record=settings.record, address=live_address(settings)),
    pulumi.ResourceOptions(providers=[owner.provider]),
)

pulumi.export("live", settings.live)
pulumi.export("address", name.address)
