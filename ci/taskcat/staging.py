"""What taskcat uploads and reads: `.taskcat.yml` and the artifact, in a folder that holds nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ops.errors import InputError
from ops.release.build import Artifact
from ops.tree import BUILD, PROJECT

CONFIGURATION = ".taskcat.yml"
FOLDER = BUILD / "taskcat"
PROJECT_FOLDER = FOLDER / "project"


@dataclass(frozen=True)
class Plan:
    """Which tests of `.taskcat.yml` are to run, each in all of the regions."""

    tests: tuple[str, ...]
    regions: tuple[str, ...]


def plan(tests: Sequence[str] = (), regions: Sequence[str] = ()) -> Plan:
    """Choose from `.taskcat.yml`; without a choice, all that it has.

    Raises
    ------
    InputError
        There is no such test, or a region is named twice.
    """
    document = yaml.safe_load((PROJECT / CONFIGURATION).read_text())
    known = tuple(document["tests"])
    if unknown := [test for test in tests if test not in known]:
        raise InputError(f"{CONFIGURATION} has no test {unknown[0]!r}.", f"It has {', '.join(known)}.")
    if len(set(regions)) < len(regions):
        raise InputError("A region is named twice.", "Name each region once.")
    return Plan(tuple(tests) or known, tuple(regions) or tuple(document["project"]["regions"]))


def stage(artifact: Artifact, folder: Path = PROJECT_FOLDER) -> Path:
    """Lay the artifact and `.taskcat.yml` out in a new folder, and return it.

    taskcat uploads the whole of it, hidden files aside, and finds nested templates by their file's name.
    """
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(artifact.directory, folder)
    shutil.copy(PROJECT / CONFIGURATION, folder)
    return folder
