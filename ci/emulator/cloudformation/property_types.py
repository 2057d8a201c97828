"""Gap: a parameter's value has the type of the property that it is for.

A template's parameters are strings; CloudFormation converts them as the resource's schema says. MiniStack
keeps some as they are: a mapping with the concurrency "5" is never polled, one with Enabled "false" is.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/parameters-section-structure.html
"""

import copy
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from ci.emulator.cloudformation.properties import boolean
from ci.emulator.ministack import provisioners

Properties = dict[str, Any]
Converter = Callable[[Any], Any]


_boolean = partial(boolean, default=False)
_TYPES: Mapping[str, Mapping[tuple[str, ...], Converter]] = {
    "AWS::Lambda::EventSourceMapping": {
        ("BatchSize",): int,
        ("MaximumBatchingWindowInSeconds",): int,
        ("ScalingConfig", "MaximumConcurrency"): int,
        ("Enabled",): _boolean,
    },
    "AWS::Lambda::Function": {
        ("Timeout",): int,
        ("MemorySize",): int,
        ("ReservedConcurrentExecutions",): int,
    },
    "AWS::Logs::LogGroup": {("RetentionInDays",): int},
    "AWS::DynamoDB::Table": {("DeletionProtectionEnabled",): _boolean},
}


def install() -> None:
    """Convert the properties of these types before MiniStack creates or updates them."""
    for resource_type, converters in _TYPES.items():
        handlers = provisioners._RESOURCE_HANDLERS[resource_type]
        handlers["create"] = _converting(handlers["create"], converters, positions=(1,))
        handlers["update"] = _converting(handlers["update"], converters, positions=(1, 2))


def _converting(
    handler: Callable[..., Any], converters: Mapping[tuple[str, ...], Converter], positions: tuple[int, ...]
) -> Callable[..., Any]:
    """Wrap a handler whose arguments at these positions are properties."""

    def handle(*arguments: Any) -> Any:
        converted = list(arguments)
        for position in positions:
            converted[position] = _convert(arguments[position], converters)
        return handler(*converted)

    return handle


def _convert(properties: Properties, converters: Mapping[tuple[str, ...], Converter]) -> Properties:
    result = copy.deepcopy(properties)
    for (*parents, name), convert in converters.items():
        holder: Any = result
        for parent in parents:
            holder = holder.get(parent) or {}
        if holder.get(name) is not None:
            holder[name] = convert(holder[name])
    return result
