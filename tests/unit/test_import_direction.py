"""functions ← ops ← ci ← tests: a layer knows those before it, and none after it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LAYERS = ("functions", "ops", "ci", "tests")
IMPORTERS = {"import_module", "__import__", "find_spec"}


def imported(source: str) -> set[str]:
    """Top-level names of all modules that a source imports, wherever in it and however."""
    return {name.partition(".")[0] for node in ast.walk(ast.parse(source)) for name in _names(node)}


def _names(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in IMPORTERS:
            yield from (
                part.value
                for argument in node.args
                for part in ast.walk(argument)
                if isinstance(part, ast.Constant) and isinstance(part.value, str)
            )


@pytest.mark.parametrize(
    "source",
    [
        "import ci.emulator",
        "import json, ci",
        "from ci.emulator import server",
        "def late():\n    from ci import cache",
        "if TYPE_CHECKING:\n    from ci.cache import folder",
        "importlib.import_module('ci.cache')",
        "import_module(f'ci.{name}')",
        "find_spec('ci.cache')",
    ],
)
def test_every_way_to_import_is_seen(source: str) -> None:
    assert "ci" in imported(source)


@pytest.mark.parametrize("layer", LAYERS[:-1])
def test_layer_imports_nothing_of_a_later_one(layer: str) -> None:
    later = set(LAYERS[LAYERS.index(layer) + 1 :])
    sources = sorted((PROJECT / layer).rglob("*.py"))
    assert sources
    found = {str(path.relative_to(PROJECT)): imported(path.read_text()) & later for path in sources}
    assert {path: names for path, names in found.items() if names} == {}
