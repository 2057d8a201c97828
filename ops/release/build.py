"""Build what goes into the artifact bucket: the templates and one zip with the code of all functions.

The result is content-addressed: its prefix is a hash of its bytes, so a release never changes once it is
uploaded and a rollback finds the code that it ran with.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ops.errors import BuildError
from ops.release import archive, code, dependencies
from ops.release.dependencies import LAMBDA_PYTHON, Target, dotted
from ops.tree import BUILD, PROJECT, STACKS, require_checkout

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

RECIPE = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
"""This package as it runs, which an edit of its files does not change."""


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
        return archive.files(self.directory)

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
    CheckoutMissingError
        There are no sources here.
    BuildError
        For `aws` when this is not the Python that Lambda runs: the shipped bytecode would not fit.
    """
    require_checkout("Building a release")
    running = sys.version_info[:2]
    if target == "aws" and running != LAMBDA_PYTHON:
        raise BuildError(
            f"A build for AWS ships bytecode for Python {dotted(LAMBDA_PYTHON)}, but this is Python "
            f"{dotted(running)}.",
            f"Run it with `uv run --python {dotted(LAMBDA_PYTHON)} …`.",
        )
    name = f"aws-{architecture}" if target == "aws" else "local"
    installed = dependencies.install(target, architecture)
    inputs = _inputs_hash(installed)
    note = BUILD / "artifact" / name / f"of-{inputs}"
    if note.exists() and (directory := note.parent / note.read_text()).exists():
        return Artifact(directory, f"releases/{directory.name}/")
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=BUILD) as scratch:
        unpacked, release = Path(scratch) / "code", Path(scratch) / "release"
        code.lay_out(unpacked, installed)
        if running == LAMBDA_PYTHON:
            code.add_bytecode(unpacked)
        shutil.copytree(STACKS, release / "stacks")
        archive.pack(unpacked, release / "functions.zip")
        content = archive.content_hash(archive.files(release), release)
        directory = BUILD / "artifact" / name / content
        archive.move_into_place(release, directory)
    if _inputs_hash(installed) == inputs:
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


def _inputs_hash(installed: Path) -> str:
    """Hash of all that a build is made of: the same again gives the same artifact."""
    sources = [*archive.files(PROJECT / "functions"), *archive.files(STACKS)]
    return archive.content_hash(
        (path for path in sources if "__pycache__" not in path.parts),
        PROJECT,
        f"{installed.parent.name} {sys.version}".encode() + RECIPE,
    )


def _note(path: Path, content: str) -> None:
    """Write a small file that another build never sees by half."""
    draft = path.with_suffix(f".{os.getpid()}.partial")
    draft.write_text(content)
    draft.rename(path)
