"""The functions' locked dependencies, for the machine that is to run them. uv knows and installs them."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

from ops.errors import BuildError
from ops.release.archive import move_into_place
from ops.tree import BUILD, PROJECT

Target = Literal["local", "aws"]

LAMBDA_PYTHON = (3, 13)
"""The Python of the functions' `Runtime` in stacks/sending.yaml."""

WHEEL_PLATFORMS = {"arm64": "aarch64-manylinux2014", "x86_64": "x86_64-manylinux2014"}


def install(target: Target, architecture: str) -> Path:
    """Install them, by hash, into a folder that is kept until they change.

    Raises
    ------
    BuildError
        uv could not.
    """
    requirements = uv(
        "export", "--frozen", "--only-group", "functions", "--no-emit-project", "--no-header", "--quiet"
    )
    if target == "aws":
        of = ["--python-platform", WHEEL_PLATFORMS[architecture], "--python-version", dotted(LAMBDA_PYTHON)]
        machine = []
    else:
        of = ["--python", sys.executable]
        machine = [platform.machine(), dotted(sys.version_info[:3])]
    key = hashlib.sha256("\n".join([requirements, *of, *machine]).encode()).hexdigest()[:16]
    folder = BUILD / "dependencies" / key
    if not folder.exists():
        partial = folder.with_suffix(f".{os.getpid()}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        listing = partial / "requirements.txt"
        listing.write_text(requirements)
        how = ("--quiet", "--require-hashes", "--only-binary", ":all:", "--link-mode", "copy")
        where = ("--target", str(partial / "site"), "--requirement", str(listing))
        uv("pip", "install", *how, *of, *where)
        move_into_place(partial, folder)
    return folder / "site"


def uv(*arguments: str) -> str:
    """Run uv in the project's folder, and return what it prints.

    Raises
    ------
    BuildError
        It failed; the message has its own words.
    """
    program = os.environ.get("UV") or shutil.which("uv") or str(PROJECT / ".tools" / "bin" / "uv")
    done = subprocess.run([program, *arguments], cwd=PROJECT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildError(f"`uv {arguments[0]} …` failed.", done.stderr.strip())
    return done.stdout


def dotted(version: tuple[int, ...]) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))
