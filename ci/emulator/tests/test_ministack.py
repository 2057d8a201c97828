"""MiniStack's names that the emulator depends on: all there, all used, and used in one way only."""

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from ci.emulator import ministack
from ci.emulator.ministack import Name

COMPONENT = Path(__file__).parents[1]
SOURCES = {path: path.read_text() for path in COMPONENT.rglob("*.py") if path != Path(ministack.__file__)}
NAMES = [
    (short, listed)
    for short, value in vars(ministack).items()
    for listed in vars(type(value)).values()
    if isinstance(listed, Name)
]


@pytest.mark.parametrize(
    "listed", [pytest.param(listed, id=f"{listed.module}.{listed.name}") for _, listed in NAMES]
)
def test_name_is_there(listed):
    """One that fails after an upgrade of MiniStack is gone; its users find it by grep."""
    assert hasattr(import_module(listed.module), listed.name)


def test_every_name_listed_is_used():
    # As an attribute, or as what a test replaces.
    used = set(re.findall(r'\b(\w+)(?=(?:\.|, ")(\w+))', "\n".join(SOURCES.values())))
    assert {(short, listed.name) for short, listed in NAMES} - used == set()


def test_name_that_is_not_listed_cannot_be_used():
    with pytest.raises(AttributeError, match=r"Listed names of ministack\.services\.sqs.*_msg_count"):
        ministack.sqs._msg_count  # noqa: B018
    with pytest.raises(AttributeError, match="_msg_count"):
        ministack.sqs._msg_count = None


def test_name_is_replaced_in_ministack_itself(monkeypatch):
    monkeypatch.setattr(ministack.sqs, "_queue_url", "replaced")
    assert import_module("ministack.services.sqs")._queue_url == "replaced"


def imports_ministack(source):
    """Whether a source imports MiniStack itself."""
    imported = [
        name
        for node in ast.walk(ast.parse(source))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
    return any(name.split(".")[0] == "ministack" for name in imported)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import ministack.app", True),
        ("from ministack.services import sqs", True),
        ("def later():\n    from ministack.app import app", True),
        ("from ci.emulator.ministack import sqs", False),
    ],
)
def test_imports_of_ministack_are_recognised(source, expected):
    assert imports_ministack(source) is expected


def test_no_other_module_imports_ministack():
    assert [
        str(path.relative_to(COMPONENT)) for path, source in SOURCES.items() if imports_ministack(source)
    ] == []
