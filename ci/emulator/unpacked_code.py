"""Gap: a function's code is unpacked anew for each of its workers.

Lambda starts an execution environment from code that it keeps unpacked
(https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html). MiniStack unpacks the zip for
every worker, a thousand files each time: on a busy disk seconds, which count as the function's own.
Here each zip is unpacked once, and its workers share the folder.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import types
import zipfile
from pathlib import Path
from typing import Any

from ci.emulator.ministack import lambda_runtime

_folder = Path(tempfile.gettempdir()) / "emulator-code-not-made"
_lock = threading.Lock()


class _SharedZip(zipfile.ZipFile):
    """A zip whose extraction leaves a link to the one folder that it was unpacked to."""

    def extractall(self, path: Any = None, members: Any = None, pwd: Any = None) -> None:
        target = Path(path)
        unpacked = _folder / hashlib.sha256(Path(self.filename or "").read_bytes()).hexdigest()
        with _lock:
            if not unpacked.exists():
                partial = unpacked.with_suffix(".partial")
                super().extractall(partial, members, pwd)
                partial.rename(unpacked)
        target.rmdir()
        target.symlink_to(unpacked, target_is_directory=True)


def install() -> None:
    """Let workers share unpacked code."""
    global _folder  # noqa: PLW0603 - one for the process
    _folder = Path(tempfile.mkdtemp(prefix="emulator-code-"))
    lambda_runtime.zipfile = types.SimpleNamespace(
        ZipFile=_SharedZip,
        BadZipFile=zipfile.BadZipFile,
        LargeFileError=getattr(zipfile, "LargeZipFile", OSError),
    )


def remove() -> None:
    """Remove the unpacked code; called when the emulator stops."""
    shutil.rmtree(_folder, ignore_errors=True)
