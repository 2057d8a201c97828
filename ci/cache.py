"""The folder outside the tree for what takes long to get and may be got again at any time."""

from __future__ import annotations

import os
from pathlib import Path


def folder() -> Path:
    """Return this project's folder in the user's cache folder; it need not exist yet.

    Source: https://specifications.freedesktop.org/basedir-spec/latest/
    """
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "email-notifications"
