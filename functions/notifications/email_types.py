"""The email types: each is one folder of ``email_types``, found by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import fastjsonschema

TYPES_DIRECTORY = Path(__file__).parent.parent / "email_types"


class UnknownEmailTypeError(LookupError):
    """No folder of email types has this name."""


class EmailTypeDefinitionError(Exception):
    """The folder of an email type says something that cannot work; the text says what to change."""


@dataclass(frozen=True)
class EmailType:
    """What one kind of email is made of.

    Attributes
    ----------
    name
        Name of the type and of its folder, such as ``order_confirmation``.
    schema
        JSON Schema of the order event, with every reference replaced by what it refers to.
    validate
        Raises `fastjsonschema.JsonSchemaValueException` when an event does not fit the schema.
    identity
        Fields that together name one notification; the first is ``order_id``.
    occurred_at
        Field that says when the event happened.
    directory
        Folder that holds the schema, the templates and the sample.
    """

    name: str
    schema: dict[str, Any]
    validate: Callable[[Any], Any]
    identity: tuple[str, ...]
    occurred_at: str
    directory: Path

    @property
    def sample(self) -> dict[str, Any]:
        """An order event of this type, for tests, demonstrations and the authors of publishers."""
        sample: dict[str, Any] = _read_json(self.directory / "sample.json")
        return sample


class EmailTypes:
    """The email types of a directory, each loaded when it is first asked for."""

    def __init__(self, directory: Path = TYPES_DIRECTORY) -> None:
        self._directory = directory
        self._loaded: dict[str, EmailType] = {}

    def names(self) -> tuple[str, ...]:
        """Names of all types, in alphabetical order."""
        return self._names

    def get(self, name: str) -> EmailType:
        """Return the type of that name.

        Raises
        ------
        UnknownEmailTypeError
            There is no such type.
        EmailTypeDefinitionError
            Its folder is faulty.
        """
        if name not in self._names:
            raise UnknownEmailTypeError(f"no email type {name!r}; there are: {', '.join(self._names)}")
        if name not in self._loaded:
            self._loaded[name] = _load(self._directory / name)
        return self._loaded[name]

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(sorted(schema.parent.name for schema in self._directory.glob("*/schema.json")))


def _load(directory: Path) -> EmailType:
    path = directory / "schema.json"
    schema = _resolved(_with_resend(_read_json(path)), path)
    identity, occurred_at = tuple(schema.get("x-identity", ())), schema.get("x-occurred-at")
    required = schema.get("required", ())
    if identity[:1] != ("order_id",):
        raise EmailTypeDefinitionError(f"{path}: x-identity must be a list that starts with order_id")
    for field in (*identity, occurred_at, "customer"):
        if field not in required:
            raise EmailTypeDefinitionError(
                f"{path}: required must list customer and the fields of x-identity and x-occurred-at; "
                f"{field} is not in it"
            )
    return EmailType(
        name=directory.name,
        schema=schema,
        validate=fastjsonschema.compile(schema, use_default=False, use_formats=False),
        identity=identity,
        occurred_at=occurred_at,
        directory=directory,
    )


def _with_resend(schema: dict[str, Any]) -> dict[str, Any]:
    """Let an event of any type ask for a deliberate resend."""
    resend = {"resend": {"$ref": "../fields.json#/definitions/resend"}}
    return {**schema, "properties": {**schema["properties"], **resend}}


def _resolved(node: Any, path: Path) -> Any:
    """Copy part of the schema in the file at `path`, with each ``$ref`` replaced by what it refers to."""
    if isinstance(node, dict):
        if "$ref" in node:
            file, _, pointer = node["$ref"].partition("#")
            target = (path.parent / file).resolve() if file else path
            return _resolved(_at(_read_json(target), pointer), target)
        return {key: _resolved(value, path) for key, value in node.items()}
    if isinstance(node, list):
        return [_resolved(value, path) for value in node]
    return node


def _at(node: Any, pointer: str) -> Any:
    for key in pointer.strip("/").split("/"):
        node = node[key]
    return node


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
