"""Template properties as the values that a service's API takes.

A template's parameters are strings, so a number or a boolean may arrive as one.
"""

from collections.abc import Iterable, Mapping
from typing import Any


def boolean(value: object, default: bool) -> bool:
    """Return a template boolean, which may be the string ``true`` or ``false``, or the default if absent."""
    return default if value is None else str(value).lower() == "true"


def present(properties: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return those of the named properties that the template sets."""
    return {name: properties[name] for name in names if properties.get(name) is not None}


def refuse_failure(resource_type: str, response: tuple[int, Mapping[str, str], bytes]) -> None:
    """Fail the resource, as CloudFormation does, when the service refused it.

    Raises
    ------
    ValueError
        With the service's own answer; MiniStack turns it into the resource's status reason.
    """
    status, _, body = response
    if status >= 400:  # noqa: PLR2004
        raise ValueError(f"{resource_type}: {body.decode()}")
