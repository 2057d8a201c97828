"""Conditions in change sets: MiniStack lists a resource as changed though its condition is false.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/conditions-section-structure.html
"""

from typing import Any

from ci.emulator.ministack import changesets, engine

Template = dict[str, Any]


def install() -> None:
    """Compare templates without the resources that their conditions leave out."""
    original = changesets._resolve_props_for_diff

    def resolve(template: Template, parameters: dict[str, Any], *where: str) -> Template:
        conditions = engine._evaluate_conditions(template, parameters)
        resources = original(template, parameters, *where).get("Resources", {})
        return {
            "Resources": {
                name: resource
                for name, resource in resources.items()
                if conditions.get(resource.get("Condition"), True)
            }
        }

    changesets._resolve_props_for_diff = resolve
