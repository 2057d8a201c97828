"""The emulator is a component of its own: it knows nothing of the system that runs on it."""

import ast
from pathlib import Path

COMPONENT = Path(__file__).parents[1]
ROOT = COMPONENT.parents[1]
# What a module of the system's own can be imported as: `functions` is on the path.
OURS = {path.stem for folder in (ROOT, ROOT / "functions") for path in folder.iterdir()}


def foreign_imports(source, package):
    """The modules of this project, outside a package, that a source imports."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in OURS and not f"{name}.".startswith(f"{package}.")}


def test_imports_of_the_project_are_recognised():
    source = """
import ops.aws, json
from notifications import keys
from ci.emulator import server
from ci import rain
"""
    assert foreign_imports(source, "ci.emulator") == {"ops.aws", "notifications.keys", "ci.rain"}


def test_emulator_and_its_tests_import_nothing_else_of_the_project():
    found = {
        str(path.relative_to(ROOT)): foreign
        for path in COMPONENT.rglob("*.py")
        if (foreign := foreign_imports(path.read_text(), "ci.emulator"))
    }
    assert found == {}
