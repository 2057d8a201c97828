"""Files of which the same content always gives the same bytes, and the same hash."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path


def files(folder: Path) -> list[Path]:
    """All files of a folder, in a fixed order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def content_hash(paths: Iterable[Path], base: Path, start: bytes = b"") -> str:
    """Hash of the names and contents of files."""
    digest = hashlib.sha256(start)
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(base).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:32]


def pack(source: Path, target: Path) -> None:
    """Zip with fixed order, times and rights: the same content gives the same bytes."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in files(source):
            entry = zipfile.ZipInfo(path.relative_to(source).as_posix(), (1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())


def move_into_place(made: Path, target: Path) -> None:
    """Rename; if another build was faster, its result is the same."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        made.rename(target)
    except OSError:
        shutil.rmtree(made)
