"""The code of all functions as it lies in the zip: their dependencies without what nothing here needs."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from ops.tree import PROJECT

OPERATIONS = {
    "dynamodb": ("GetItem", "PutItem", "Query", "Scan", "TransactWriteItems", "UpdateItem"),
    "lambda": ("UpdateEventSourceMapping",),
    "sesv2": ("GetAccount", "SendEmail"),
    "sqs": ("ChangeMessageVisibility", "GetQueueAttributes", "SendMessage"),
}
"""The AWS operations that the functions call. Models of others are left out of the artifact: a cold start
parses them whole (measured: 0.67 of the CPU time of a cold start with complete models)."""

BOTOCORE_DATA = ("_retry.json", "partitions.json", "sdk-default-configuration.json")


ONLY = {
    "aws_lambda_powertools": (
        "__init__.py",
        "exceptions",
        "logging",
        "metrics",
        "package_logger.py",
        "shared",
        "tracing",
        "utilities",
        "warnings",
    ),
    "aws_lambda_powertools/utilities": ("__init__.py", "jmespath_utils"),
}
"""Folders of dependencies of which Logger and Metrics need only these entries."""

WITHOUT = {
    "botocore": ("data",),
    "dateutil": ("zoneinfo",),
    "urllib3/contrib": ("emscripten",),
}
"""Folders of dependencies without entries that nothing here needs; botocore's data is laid out anew."""

NOWHERE = ("__pycache__", "*.dist-info", "bin", "tests", "*.pyi", "py.typed", ".lock")
"""Left out wherever it is: bytecode is made anew, the rest is for developers."""


def lay_out(code: Path, dependencies: Path) -> None:
    """Copy dependencies and functions into a new folder."""
    shutil.rmtree(code, ignore_errors=True)
    skipped = shutil.ignore_patterns(*NOWHERE)

    def unused(folder: str, entries: list[str]) -> set[str]:
        inside = Path(folder).relative_to(dependencies).as_posix()
        only = set(ONLY.get(inside, entries))
        return skipped(folder, entries) | set(WITHOUT.get(inside, ())) | (set(entries) - only)

    shutil.copytree(dependencies, code, ignore=unused)
    shutil.copytree(PROJECT / "functions", code, ignore=skipped, dirs_exist_ok=True)
    source, pruned = dependencies / "botocore" / "data", code / "botocore" / "data"
    pruned.mkdir()
    for name in BOTOCORE_DATA:
        shutil.copy(source / name, pruned / name)
    _write_json(pruned / "endpoints.json", _aws_endpoints(_read_json(source / "endpoints.json")))
    for service, operations in OPERATIONS.items():
        version = max(path.name for path in (source / service).iterdir() if path.is_dir())
        folder = pruned / service / version
        folder.mkdir(parents=True)
        model = _read_json(source / service / version / "service-2.json")
        _write_json(folder / "service-2.json", _prune_model(model, operations))
        rules = "endpoint-rule-set-1.json"
        _write_json(folder / rules, _read_json(source / service / version / rules))


def _prune_model(model: dict[str, Any], operations: tuple[str, ...]) -> dict[str, Any]:
    """Keep the named operations of a botocore service model and the shapes that they reach, without texts."""
    kept = {name: model["operations"][name] for name in operations}
    wanted, shapes = _shape_names(kept), {}
    while wanted:
        name = wanted.pop()
        if name not in shapes:
            shapes[name] = model["shapes"][name]
            wanted |= _shape_names(shapes[name])
    return _without_documentation({**model, "operations": kept, "shapes": shapes})  # type: ignore[no-any-return]


def _shape_names(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["shape"]} if isinstance(node.get("shape"), str) else set()
        return own.union(*map(_shape_names, node.values()))
    if isinstance(node, list):
        return set().union(*map(_shape_names, node))
    return set()


def _without_documentation(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            k: _without_documentation(v)
            for k, v in node.items()
            if k != "documentation" or not isinstance(v, str)
        }
    return [_without_documentation(item) for item in node] if isinstance(node, list) else node


def _aws_endpoints(endpoints: dict[str, Any]) -> dict[str, Any]:
    """The endpoint table without the services that the functions do not call."""
    return {
        **endpoints,
        "partitions": [
            {**p, "services": {k: v for k, v in p["services"].items() if k in {*OPERATIONS, "email"}}}
            for p in endpoints["partitions"]
        ],
    }


def _read_json(path: Path) -> Any:
    """Read one of botocore's data files, which it ships packed."""
    packed = path.with_name(path.name + ".gz")
    return json.loads(gzip.decompress(packed.read_bytes()) if packed.exists() else path.read_bytes())


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, separators=(",", ":"), sort_keys=True))


def add_bytecode(code: Path) -> None:
    """Add bytecode that is used unchecked: /var/task is read-only, without it each cold start compiles anew.

    In an interpreter of its own, since what one has imported before changes how it marshals constants.
    """
    options = ["-q", "-s", str(code), "-p", "/var/task", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([sys.executable, "-I", "-m", "compileall", *options, str(code)], check=True)
