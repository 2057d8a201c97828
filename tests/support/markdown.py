"""The commands of a page, as they are printed on it."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_CODE = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)


def headings(page: Path, section: str) -> list[str]:
    """Headings within a section, of the level right below its own."""
    level, text = _section(page, section)
    return [found[2] for found in _HEADING.finditer(text) if len(found[1]) == level + 1]


def code(page: Path, section: str) -> list[str]:
    """Indented code of a section, up to the next heading: one text for each run of lines."""
    _, text = _section(page, section)
    own = text[: found.start()] if (found := _HEADING.search(text)) else text
    return [textwrap.dedent(lines).strip() for lines in _CODE.findall(own)]


def _section(page: Path, section: str) -> tuple[int, str]:
    """Level of a heading and the text below it, down to the next one of that level."""
    text = page.read_text() + "\n"
    for found in _HEADING.finditer(text):
        if found[2] == section:
            level = len(found[1])
            end = re.compile(rf"^#{{1,{level}}} ", re.MULTILINE).search(text, found.end())
            return level, text[found.end() : end.start() if end else len(text)]
    raise AssertionError(f"{page.name} has no section {section!r}")
