"""`python -m ci.rain`: find or build the pinned rain, then run with it what docs/deployment.md says."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from ci.rain import binary
from ci.rain.binary import VERSION, Rain, RainMissingError
from ops.errors import OpsError
from ops.output import Progress, print_error
from ops.tree import PROJECT

TESTS = PROJECT / "tests" / "rain"
PACKAGES_A_LINE = 100


def main(
    optional: Annotated[
        bool, typer.Option("--optional", help="Succeed where neither rain nor a Go toolchain is.")
    ] = False,
) -> None:
    """Run every rain command of docs/deployment.md on an emulator."""
    progress = Progress()
    try:
        rain = binary.find() or _build(progress)
    except RainMissingError as error:
        if optional:
            progress.done(f"Not run: {error}", "!")
            raise typer.Exit(0) from error
        print_error(error)
        raise typer.Exit(error.exit_code) from error
    except OpsError as error:
        print_error(error)
        raise typer.Exit(error.exit_code) from error
    progress.done(f"rain {VERSION}, {rain.origin}: {rain.path}")
    tests = [sys.executable, "-m", "pytest", str(TESTS)]
    raise typer.Exit(subprocess.run(tests, cwd=PROJECT, check=False).returncode)


def _build(progress: Progress) -> Rain:
    go = binary.go_version()
    if go:
        progress.done(f"Building rain {VERSION} with {go}, once: about 5 minutes on 2 cores", "…")
    packages = 0

    def tell(line: str) -> None:
        nonlocal packages
        progress.now(line)
        packages += not line.startswith("go: ")
        if packages and packages % PACKAGES_A_LINE == 0:
            progress.done(f"{packages} packages compiled", "…")

    with progress.doing("Building rain"):
        return binary.build(tell)


if __name__ == "__main__":
    typer.run(main)
