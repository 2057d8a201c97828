"""Read what an operator hands over: a file, or stdin."""

from __future__ import annotations

import sys
from pathlib import Path

from ops.errors import InputError


def read(file: str) -> bytes:
    """The content of a file; `-` is stdin.

    Raises
    ------
    InputError
        There is no such file, or it cannot be read.
    """
    if file == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(file).read_bytes()
    except OSError as error:
        raise InputError(
            f"{file} cannot be read: {error.strerror}.", "Name a file, or - for stdin."
        ) from error
