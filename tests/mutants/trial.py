"""Tries each mutation on a copy of `functions/`; the working tree is only read."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

PROJECT = Path(__file__).parents[2]
FUNCTIONS = PROJECT / "functions"
AT_ONCE = 2
PASSED, FAILED = 0, 1
"""Exit codes of pytest; any other tells of no verdict."""


class MutationError(Exception):
    """A mutation could not be tried; nothing is known of its tests."""


@dataclass(frozen=True)
class Mutation:
    """One bug.

    Parameters
    ----------
    name
        What is wrong then.
    module
        Path below `functions/`.
    original, mutated
        A piece of the source that occurs once, and what it is replaced by.
    """

    name: str
    module: str
    original: str
    mutated: str

    def apply(self, functions: Path) -> None:
        """Make the change in a copy of the functions."""
        path = functions / self.module
        source = path.read_text(encoding="utf-8")
        if (found := source.count(self.original)) != 1:
            raise MutationError(
                f"'{self.name}': its text occurs {found} times in functions/{self.module}, instead of once. "
                "Change the mutation in tests/mutants/mutations.py along with the code."
            )
        path.write_text(source.replace(self.original, self.mutated), encoding="utf-8")


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"


@dataclass(frozen=True)
class Tried:
    """A mutation and what its module's tests made of it.

    Parameters
    ----------
    killed_by
        The first test that failed.
    """

    name: str
    module: str
    fate: Fate
    killed_by: str
    seconds: float


def run(mutations: Sequence[Mutation], tests: Mapping[str, Sequence[str]]) -> Iterator[Tried]:
    """Try all mutations, after each module's tests have passed without one.

    Parameters
    ----------
    tests
        Test files of each module, by its path below `functions/`.
    """
    with ThreadPoolExecutor(AT_ONCE) as threads:
        for module, failed in threads.map(
            lambda module: (module, _first_failure(tests[module], None)),
            sorted({mutation.module for mutation in mutations}),
        ):
            if failed:
                raise MutationError(f"{failed} fails without any mutation of {module}: mend that first.")
        yield from threads.map(partial(_try, tests), mutations)


def _try(tests: Mapping[str, Sequence[str]], mutation: Mutation) -> Tried:
    began = time.monotonic()
    killed_by = _first_failure(tests[mutation.module], mutation)
    fate = Fate.KILLED if killed_by else Fate.SURVIVED
    return Tried(mutation.name, mutation.module, fate, killed_by, round(time.monotonic() - began, 1))


def _first_failure(tests: Sequence[str], mutation: Mutation | None) -> str:
    """The first test that fails on a copy of the functions, "" if none does."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "functions"
        shutil.copytree(FUNCTIONS, copy, ignore=shutil.ignore_patterns("__pycache__"))
        if mutation:
            mutation.apply(copy)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-x", "--tb=no", "-rf", "--timeout=60"),
                *("-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov"),
                *("--override-ini", f"pythonpath={copy} {PROJECT}"),
                *("--rootdir", str(PROJECT), "--config-file", str(PROJECT / "pyproject.toml")),
                *(str(PROJECT / test) for test in tests),
            ],
            cwd=folder,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "1000"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode == PASSED:
        return ""
    failed = re.search(r"^FAILED .*?(tests/.*?)(?: - .*)?$", done.stdout, re.MULTILINE)
    if done.returncode != FAILED or not failed:
        what = f"'{mutation.name}'" if mutation else "the functions as they are"
        raise MutationError(f"{what}: pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return failed[1]
