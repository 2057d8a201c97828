"""Build what goes into the artifact bucket: the templates and one zip with the code of all functions.

The result is content-addressed: its prefix is a hash of its bytes, so a release never changes once it is
uploaded and a rollback finds the code that it ran with.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

PROJECT = Path(__file__).resolve().parent.parent
BUILD = PROJECT / "build"
LAMBDA_PYTHON = (3, 13)
"""The Python of the functions' `Runtime` in stacks/sending.yaml."""

WHEEL_PLATFORMS = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}

Target = Literal["local", "aws"]

OPERATIONS = {
    "dynamodb": ("GetItem", "PutItem", "Scan", "TransactWriteItems", "UpdateItem"),
    "lambda": ("UpdateEventSourceMapping",),
    "sesv2": ("GetAccount", "SendEmail"),
    "sns": ("Publish",),
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


RECIPE = Path(__file__).read_bytes()
"""This module as it runs, which an edit of the file does not change."""


class BuildError(Exception):
    """The artifact cannot be built here; the message says what to do."""


@dataclass(frozen=True)
class Artifact:
    """A built release on disk.

    Parameters
    ----------
    directory
        Holds `stacks/*.yaml` and `functions.zip`.
    prefix
        Where it belongs in the artifact bucket: `releases/<hash of all its bytes>/`.
    """

    directory: Path
    prefix: str

    @property
    def files(self) -> list[Path]:
        """All files, in a fixed order."""
        return sorted(path for path in self.directory.rglob("*") if path.is_file())

    @property
    def functions_zip(self) -> Path:
        """The code of all functions."""
        return self.directory / "functions.zip"


def build(target: Target, architecture: str = "arm64") -> Artifact:
    """Build the artifact into `build/`.

    Parameters
    ----------
    target
        `aws` installs the locked dependencies for Lambda's platform; `local` for this machine, where the
        emulator runs the functions with its own interpreter.
    architecture
        `arm64` or `x86_64`; for `aws` only.

    Raises
    ------
    BuildError
        For `aws` when this is not the Python that Lambda runs: the shipped bytecode would not fit.
    """
    running = sys.version_info[:2]
    if target == "aws" and running != LAMBDA_PYTHON:
        raise BuildError(
            f"A build for AWS ships bytecode for Python {_dotted(LAMBDA_PYTHON)}, but this is Python "
            f"{_dotted(running)}. Run it with `uv run --python {_dotted(LAMBDA_PYTHON)} …`."
        )
    name = f"aws-{architecture}" if target == "aws" else "local"
    dependencies = _dependencies(target, architecture)
    inputs = _inputs_hash(dependencies)
    note = BUILD / "artifact" / name / f"of-{inputs}"
    if note.exists() and (directory := note.parent / note.read_text()).exists():
        return Artifact(directory, f"releases/{directory.name}/")
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=BUILD) as scratch:
        code, release = Path(scratch) / "code", Path(scratch) / "release"
        _lay_out_code(code, dependencies)
        if running == LAMBDA_PYTHON:
            _compile(code)
        shutil.copytree(PROJECT / "stacks", release / "stacks")
        _zip(code, release / "functions.zip")
        content = _content_hash(release)
        directory = BUILD / "artifact" / name / content
        _move_into_place(release, directory)
    if _inputs_hash(dependencies) == inputs:
        # Else somebody edited meanwhile, and this may be a mixture.
        _note(note, content)
    return Artifact(directory, f"releases/{content}/")


def publish(artifact: Artifact, s3: S3Client, bucket: str) -> None:
    """Upload the artifact under its prefix. Files that are there are the same by construction, and kept."""
    listed = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=artifact.prefix)
    there = {item["Key"] for page in listed for item in page.get("Contents", [])}
    for path in artifact.files:
        key = artifact.prefix + path.relative_to(artifact.directory).as_posix()
        if key not in there:
            s3.upload_file(str(path), bucket, key)


def _dependencies(target: Target, architecture: str) -> Path:
    """Install the functions' locked dependencies, by hash, into a folder that is kept until they change."""
    requirements = _uv(
        "export", "--frozen", "--only-group", "functions", "--no-emit-project", "--no-header", "--quiet"
    )
    if target == "aws":
        wheels = [
            "--python-platform",
            WHEEL_PLATFORMS[architecture],
            "--python-version",
            _dotted(LAMBDA_PYTHON),
        ]
    else:
        wheels = ["--python", sys.executable]
    machine = [platform.machine(), _dotted(sys.version_info[:3])] if target == "local" else []
    key = hashlib.sha256("\n".join([requirements, *wheels, *machine]).encode()).hexdigest()[:16]
    folder = BUILD / "dependencies" / key
    if not folder.exists():
        partial = folder.with_suffix(f".{os.getpid()}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        listing = partial / "requirements.txt"
        listing.write_text(requirements)
        _uv(
            *(
                "pip",
                "install",
                "--quiet",
                "--require-hashes",
                "--only-binary",
                ":all:",
                "--link-mode",
                "copy",
            ),
            *wheels,
            *("--target", str(partial / "site"), "--requirement", str(listing)),
        )
        _move_into_place(partial, folder)
    return folder / "site"


def _inputs_hash(dependencies: Path) -> str:
    """Hash of all that a build is made of: the same again gives the same artifact."""
    digest = hashlib.sha256(f"{dependencies.parent.name} {sys.version}".encode() + RECIPE)
    folders = (PROJECT / "functions", PROJECT / "stacks")
    files = [path for folder in folders for path in folder.rglob("*") if "__pycache__" not in path.parts]
    for path in sorted(files):
        if path.is_file():
            content = path.read_bytes()
            digest.update(f"{path.relative_to(PROJECT).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:32]


def _note(path: Path, content: str) -> None:
    """Write a small file that another build never sees by half."""
    draft = path.with_suffix(f".{os.getpid()}.partial")
    draft.write_text(content)
    draft.rename(path)


def _move_into_place(made: Path, target: Path) -> None:
    """Rename; if another build was faster, its result is the same."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        made.rename(target)
    except OSError:
        shutil.rmtree(made)


def _lay_out_code(code: Path, dependencies: Path) -> None:
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


def _compile(code: Path) -> None:
    """Add bytecode that is used unchecked: /var/task is read-only, without it each cold start compiles anew.

    In an interpreter of its own, since what one has imported before changes how it marshals constants.
    """
    options = ["-q", "-s", str(code), "-p", "/var/task", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([sys.executable, "-I", "-m", "compileall", *options, str(code)], check=True)


def _zip(source: Path, target: Path) -> None:
    """Zip with fixed order, times and rights: the same content gives the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(p for p in source.rglob("*") if p.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(source).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def _content_hash(directory: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(p for p in directory.rglob("*") if p.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(directory).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:32]


def _uv(*arguments: str) -> str:
    uv = os.environ.get("UV") or shutil.which("uv") or str(PROJECT / ".tools" / "bin" / "uv")
    done = subprocess.run([uv, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"`uv {arguments[0]} …` failed:\n{done.stderr.strip()}")
    return done.stdout


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def main() -> None:
    """Build for AWS and print where it is and how large."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--architecture", choices=sorted(WHEEL_PLATFORMS), default="arm64")
    artifact = build("aws", parser.parse_args().architecture)
    with zipfile.ZipFile(artifact.functions_zip) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    packed = artifact.functions_zip.stat().st_size
    sizes = f"functions.zip {packed / 2**20:.2f} MiB, {unpacked / 2**20:.2f} MiB unpacked"
    where = artifact.directory.relative_to(PROJECT)
    sys.stdout.write(f"{where}  {artifact.prefix}  {sizes}\n")


if __name__ == "__main__":
    main()
