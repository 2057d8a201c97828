"""The templates of the project, and in which order they are deployed."""

from __future__ import annotations

from functools import cache
from graphlib import TopologicalSorter
from typing import Any, cast

import yaml

from ops.tree import STACKS

ROOT = "root"


class _Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short forms, which it writes out: `!Ref X` becomes `{"Ref": "X"}`."""


def _written_out(loader: _Loader, function: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(cast("yaml.ScalarNode", node))
        value = value.split(".", 1) if function == "GetAtt" else value
    return {function if function in ("Ref", "Condition") else f"Fn::{function}": value}


_Loader.add_multi_constructor("!", _written_out)


def parse(text: str) -> dict[str, Any]:
    """A template with its short forms written out."""
    template: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 - a safe loader
    return template


@cache
def load(name: str) -> dict[str, Any]:
    """Read `stacks/<name>.yaml`."""
    return parse((STACKS / f"{name}.yaml").read_text())


def names() -> list[str]:
    """Names of the stacks that root nests."""
    return sorted(path.stem for path in STACKS.glob("*.yaml") if path.stem != ROOT)


@cache
def children() -> tuple[str, ...]:
    """Names of the stacks that root nests, each after those that it needs."""
    return tuple(TopologicalSorter({name: predecessors(name) for name in names()}).static_order())


@cache
def predecessors(name: str) -> tuple[str, ...]:
    """Stacks that must be there before this one, as root says by what it waits for and passes on."""
    definition = str(load(ROOT)["Resources"].get(nested_id(name), ""))
    return tuple(other for other in names() if other != name and nested_id(other) in definition)


def nested_id(name: str) -> str:
    """Logical id of a stack in root."""
    return f"{name.capitalize()}Stack"
