"""Find the rain that `go.mod` pins, or build it once into the user's cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ci import cache
from ops.errors import OpsError

GO_MOD = Path(__file__).with_name("go.mod")
GO_SUM = Path(__file__).with_name("go.sum")
MODULE = "github.com/aws-cloudformation/rain"
[VERSION] = re.findall(rf"require {MODULE} v(\S+)", GO_MOD.read_text())

Tell = Callable[[str], None]
"""Says what is under way."""


class RainMissingError(OpsError):
    """There is neither the pinned rain nor a Go toolchain to build it."""


class RainBuildError(OpsError):
    """Go could not build rain."""


@dataclass(frozen=True)
class Rain:
    """The pinned rain.

    Parameters
    ----------
    path
        Its executable, named `rain`.
    origin
        Where it comes from, for people.
    """

    path: Path
    origin: str


def find() -> Rain | None:
    """Return the pinned rain that was built before, else the user's own if it is of the same version."""
    if _built().exists():
        return Rain(_built(), "built here before")
    own = shutil.which("rain")
    if own and _version(own) == VERSION:
        return Rain(Path(own), "your own, found on PATH")
    return None


def build(tell: Tell) -> Rain:
    """Build the pinned rain into the cache folder, from modules with the hashes of `go.sum`.

    That takes about five minutes on two cores. A build that ends early leaves nothing behind.

    Parameters
    ----------
    tell
        Called with each line that Go says: a module that it downloads, a package that it compiles.

    Raises
    ------
    RainMissingError
        There is no Go toolchain.
    RainBuildError
        Go failed; the message has the end of what it said.
    """
    if go_version() is None:
        raise RainMissingError(
            f"There is neither rain {VERSION} here nor a Go toolchain to build it.",
            f"Put `go` (1.24 or newer, https://go.dev/dl) or rain {VERSION} on your PATH.",
        )
    target = _built()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as lock:
        # Two builds at once would take twice as long for the same result.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _build_into(target, tell)
    return Rain(target, "built here now")


def go_version() -> str | None:
    """Return the version of the Go toolchain on PATH, such as `go1.24.11`, or None if there is none."""
    if shutil.which("go") is None:
        return None
    done = subprocess.run(["go", "version"], capture_output=True, text=True, check=False)
    found = re.search(r"go\d\S*", done.stdout)
    return found[0] if found else None


def _built() -> Path:
    """Where the build goes: another folder whenever what is built from changes."""
    content = hashlib.sha256(GO_MOD.read_bytes() + GO_SUM.read_bytes()).hexdigest()[:12]
    return cache.folder() / f"rain-{VERSION}-{content}" / "rain"


def _build_into(target: Path, tell: Tell) -> None:
    with tempfile.TemporaryDirectory(prefix="build-", dir=target.parent) as folder:
        for part in (GO_MOD, GO_SUM):
            # Go completes them while it builds.
            shutil.copy(part, folder)
        draft = Path(folder) / "rain"
        _go(
            "build",
            "-v",
            "-trimpath",
            "-ldflags=-s -w",
            "-o",
            str(draft),
            f"{MODULE}/cmd/rain",
            within=folder,
            tell=tell,
        )
        draft.rename(target)


def _go(*arguments: str, within: str, tell: Tell) -> None:
    process = subprocess.Popen(
        ["go", *arguments],
        cwd=within,
        env={**os.environ, "GOFLAGS": "-mod=mod"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None  # noqa: S101 - for the type checker
    end: deque[str] = deque(maxlen=20)
    with process:
        for line in process.stderr:
            end.append(line)
            tell(line.strip())
    if process.returncode:
        raise RainBuildError(
            f"`go {arguments[0]}` of rain {VERSION} failed:\n{''.join(end).strip()}",
            "Correct that, then try again; what was downloaded and compiled is kept.",
        )


def _version(executable: str) -> str | None:
    done = subprocess.run([executable, "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"Rain v(\S+)", done.stdout)
    return found[1] if found else None
