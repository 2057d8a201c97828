"""Generated names: another one in each region.

MiniStack makes the end of a name from the stack's name and the logical id alone. Stacks of the same name in
two regions then share what is global, such as IAM roles: each overwrites the other's, and one that goes
takes both with it.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html
"""

from typing import Any

from ci.emulator.ministack import provisioners, responses


def install() -> None:
    """Make the end of each name from the region, too."""
    original = provisioners._physical_name

    def physical_name(stack_name: str, logical_id: str, **options: Any) -> str:
        seed = provisioners._NAME_SEED
        token = seed.set(f"{responses.get_region()} {seed.get()}")
        try:
            return str(original(stack_name, logical_id, **options))
        finally:
            seed.reset(token)

    provisioners._physical_name = physical_name
