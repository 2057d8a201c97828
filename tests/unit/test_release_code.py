"""What the artifact leaves out of the AWS SDK is what no function calls."""

from __future__ import annotations

import ast

import botocore.session
from botocore import xform_name

from ops.release.code import OPERATIONS
from tests.support.system import PROJECT


def test_artifact_has_the_models_of_the_operations_that_the_functions_call() -> None:
    session = botocore.session.Session()
    operations = {
        xform_name(name): name
        for service in OPERATIONS
        for name in session.get_service_model(service).operation_names
    }
    called = {
        operations[node.func.attr]
        for path in (PROJECT / "functions").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in operations
    }
    packed = {name for names in OPERATIONS.values() for name in names}
    assert called == packed
