"""The runbooks as their readers see them: headings, and the commands below each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from tests.support import markdown
from tests.support.system import PROJECT

FOLDER = PROJECT / "docs" / "runbooks"
SECTIONS = ("Symptom", "Impact", "Check", "Decide", "Act", "Verify", "Afterwards")
FIRST_PASTE = "Set these first"

_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)
_EXPORT = re.compile(r"([A-Z_]+)=")


@dataclass(frozen=True)
class Page:
    """One page of the folder."""

    path: Path

    @property
    def name(self) -> str:
        """File name without its ending."""
        return self.path.stem

    @property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text()

    @property
    def headings(self) -> list[str]:
        """Headings below the title."""
        return [found[2] for found in _HEADING.finditer(self.text) if len(found[1]) > 1]

    def blocks(self, section: str) -> list[str]:
        """What can be pasted from a section, one text for each run of indented lines."""
        return markdown.code(self.path, section)

    @property
    def all_blocks(self) -> list[str]:
        """What can be pasted from the whole page."""
        return [block for section in self.headings for block in self.blocks(section)]

    @property
    def prose(self) -> str:
        """The page without what can be pasted."""
        return re.sub(r"(?m)^ {4}.*\n", "", self.text)


INDEX, DRILLS = Page(FOLDER / "README.md"), Page(FOLDER / "drills.md")


def runbooks() -> list[Page]:
    """Every page but the index and the drills."""
    return [Page(path) for path in sorted(FOLDER.glob("*.md")) if path not in (INDEX.path, DRILLS.path)]


def placeholders() -> list[str]:
    """Variables whose values are the reader's own."""
    own, _ = INDEX.blocks(FIRST_PASTE)
    return _EXPORT.findall(own)


def preamble() -> str:
    """What follows from them."""
    _, derived = INDEX.blocks(FIRST_PASTE)
    return derived
