"""What MiniStack's handler of a resource type leaves out, done after its own create and update."""

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
