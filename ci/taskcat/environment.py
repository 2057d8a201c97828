"""taskcat's own Python environment: it pins old libraries, which must not meet the project's."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from ci import cache
from ops.release.dependencies import uv

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def python() -> Path:
    """Return the interpreter of that environment; the first time, install it.

    It is kept in the user's cache folder until `requirements.txt` or this Python's version changes.

    Raises
    ------
    BuildError
        uv could not install it; the message has uv's own words.
    """
    folder = cache.folder() / f"taskcat-{_key()}"
    made, interpreter = folder / ".made", folder / "bin" / "python"
    if not made.exists():
        uv("venv", "--quiet", "--allow-existing", "--python", sys.executable, str(folder))
        requirements = ("--require-hashes", "--requirement", str(REQUIREMENTS))
        uv("pip", "install", "--quiet", "--python", str(interpreter), *requirements)
        made.touch()
    return interpreter


def _key() -> str:
    content = REQUIREMENTS.read_bytes() + sys.version.encode()
    return hashlib.sha256(content).hexdigest()[:12]
