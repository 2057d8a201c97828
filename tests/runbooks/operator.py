"""Somebody at a terminal who follows a runbook: pastes what stands there, and nothing else."""

from __future__ import annotations

import subprocess
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tests.runbooks import pages
from tests.runbooks.pages import Page
from tests.support.system import wait_for
from tests.support.workspace import Workspace

YES = "y\n" * 3
ANSWERS = {0, 1}
"""Exit codes of a command that could do what it was asked to: yes and no."""
NOT_DONE = 3
"""Of `notify`, where there is nothing that could be asked."""
PATIENCE_SECONDS = 240


@dataclass(frozen=True)
class Done:
    """A block that was pasted: how it ended, and all that it printed."""

    exit_code: int
    output: str


@dataclass(frozen=True)
class Terminal:
    """A shell in a working tree, with the index page's variables set to values of the situation."""

    workspace: Workspace
    placeholders: Mapping[str, str]

    def paste(self, block: str) -> Done:
        """Run a block as it is, answering what it asks with yes. What it exports the next one finds."""
        self._state.touch()
        keep = f"source '{self._state}'; trap \"export -p > '{self._state}'\" EXIT"
        done = subprocess.run(
            ["bash", "-euc", f'{keep}\ntest -z "${{ENV-}}" || {pages.preamble()}\n{block}'],
            cwd=self.workspace.folder,
            env=self._variables,
            input=YES,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
        return Done(done.returncode, done.stdout)

    @cached_property
    def _state(self) -> Path:
        return self.workspace.folder.parent / f"shell-{uuid.uuid4().hex}.sh"

    @property
    def _variables(self) -> dict[str, str]:
        unknown = set(self.placeholders) - set(pages.placeholders())
        assert not unknown, f"the index page sets no {unknown}"
        return self.workspace.variables | dict(self.placeholders)


@dataclass(frozen=True)
class Reader:
    """Follows one page from Check to Afterwards; knows which of its blocks were pasted."""

    page: Page
    terminal: Terminal
    _pasted: Counter[str] = field(default_factory=Counter)

    def paste(self, block: str, expected: set[int] | frozenset[int] = frozenset({0})) -> str:
        """Run one block; returns what it printed."""
        assert block in self.page.all_blocks
        done = self.terminal.paste(block)
        self._pasted[block] += 1
        assert done.exit_code in expected, (
            f"{self.page.name}: {block}\n(exit {done.exit_code})\n{done.output}"
        )
        return done.output

    def check(self) -> list[str]:
        """Look, as the page says; returns what each block printed. Looking may find nothing."""
        return [self.paste(block, ANSWERS) for block in self.page.blocks("Check")]

    def act(self, containing: str = "") -> str:
        """Do what the page says: the blocks that contain this text, or else all of them."""
        chosen = [block for block in self.page.blocks("Act") if containing in block]
        assert chosen, f"{self.page.name}: no block of Act has {containing!r}"
        return "".join(map(self.paste, chosen))

    def afterwards(self) -> list[str]:
        """Paste what is left to do."""
        return [self.paste(block) for block in self.page.blocks("Afterwards")]

    def verify_says_no(self) -> str:
        """Paste the blocks until one says that it is not over; returns what that one printed."""
        for block in self.page.blocks("Verify"):
            done = self._verify(block)
            if done.exit_code:
                return done.output
        raise AssertionError(f"{self.page.name}: Verify passes before Act")

    def verify_says_yes(self) -> None:
        """Every block says that it is over: soon, if not at once."""
        for block in self.page.blocks("Verify"):
            said: list[str] = []

            def passes(block: str = block, said: list[str] = said) -> bool:
                done = self._verify(block)
                said[:] = [done.output]
                return done.exit_code == 0

            try:
                wait_for("verify", passes)
            except AssertionError as error:
                raise AssertionError(f"{self.page.name}: {block}\n{''.join(said)}") from error

    def finish(self) -> None:
        """Make sure that nothing of the page is left untried."""
        set_by_us = pages.INDEX.blocks(pages.FIRST_PASTE)
        left = [block for block in self.page.all_blocks if not self._pasted[block] and block not in set_by_us]
        assert not left, f"{self.page.name} has commands that no test runs: {left}"

    def _verify(self, block: str) -> Done:
        done = self.terminal.paste(block)
        self._pasted[block] += 1
        assert "Traceback" not in done.output, done.output
        assert done.exit_code in ANSWERS | {NOT_DONE}, (
            f"{self.page.name}: {block}\n(exit {done.exit_code})\n{done.output}"
        )
        return done
