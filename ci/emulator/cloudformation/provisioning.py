"""Handlers of resource types: MiniStack's, completed, and those of types that it lacks."""

from collections.abc import Callable
from typing import Any

from ci.emulator.ministack import provisioners

Properties = dict[str, Any]
Provisioned = tuple[str, dict[str, Any]]


def complete(resource_type: str, apply: Callable[[str, Properties], None]) -> None:
    """Call `apply` with the physical id and the properties whenever such a resource was made or updated."""
    handlers = provisioners._RESOURCE_HANDLERS[resource_type]
    original_create, original_update = handlers["create"], handlers["update"]

    def create(logical_id: str, properties: Properties, stack_name: str) -> Provisioned:
        physical_id, attributes = original_create(logical_id, properties, stack_name)
        apply(physical_id, properties)
        return physical_id, attributes

    def update(old_id: str, old: Properties, new: Properties, *others: Any, **named: Any) -> Provisioned:
        physical_id, attributes = original_update(old_id, old, new, *others, **named)
        apply(physical_id, new)
        return physical_id, attributes

    handlers["create"], handlers["update"] = create, update


def renames_replace(
    create: Callable[[str, Properties, str], Provisioned],
    change: Callable[[str, Properties, Properties], Provisioned],
    delete: Callable[[str, Properties], None],
    *,
    name: Callable[[Properties, str, str], str],
    exists: Callable[[str], bool],
) -> dict[str, Any]:
    """Return the handlers of a type of which another name means another resource.

    Parameters
    ----------
    change
        Changes all but the name: called with the physical id, the old and the new properties.
    name
        The name for properties, a logical id and the stack's name.
    exists
        Whether there is a resource with this physical id.
    """

    def update(
        physical_id: str, old: Properties, new: Properties, stack_name: str, logical_id: str
    ) -> Provisioned:
        current = physical_id if exists(physical_id) else None
        names = (name(new, logical_id, stack_name), current)
        replaced: Provisioned | None = provisioners._rename_replacement(
            physical_id, old, new, stack_name, logical_id, *names, create, delete
        )
        return replaced or change(physical_id, old, new)

    return {"create": create, "update": update, "update_with_logical_id": True, "delete": delete}
