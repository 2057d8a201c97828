"""What operators see: answers on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from ops.errors import OpsError

if TYPE_CHECKING:
    from ops.deploying.stack_events import ResourceEvent

STYLES = {"✓": "green", "✗": "red", "!": "yellow"}


def plain(value: object) -> Text:
    """Text exactly as it is, safe for a terminal: no markup, and nothing that would control the terminal."""
    text = str(value)
    return Text("".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text))


def table(*headings: str, rows: Sequence[Sequence[object]]) -> Table:
    """A plain table that folds long values instead of cutting them, since they are there to be copied."""
    made = Table(box=None, show_header=bool(headings), pad_edge=False, padding=(0, 2, 0, 0))
    for heading in headings or [""] * max(map(len, rows), default=0):
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*map(plain, row))
    return made


def answers() -> Console:
    """Where answers for people go. What reads a pipe does not care for the 80 columns that it would get."""
    return Console(width=None if sys.stdout.isatty() else 140, highlight=False)


def print_json(document: Any) -> None:
    """Print an answer for machines; the only thing on stdout then."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def print_error(error: OpsError) -> None:
    """Say what went wrong and what to do."""
    console = Console(stderr=True)
    console.print(Text("✗ ", STYLES["✗"]) + plain(error.what), soft_wrap=True)
    console.print(Text("→ ") + plain(error.next_step), soft_wrap=True)


def inbox(mails: Sequence[dict[str, Any]]) -> Table:
    """Mails that SES accepted, in a line each."""
    rows = [
        (number, ", ".join(mail["to"]), mail["subject"], mail["message_id"])
        for number, mail in enumerate(mails, start=1)
    ]
    return table("#", "To", "Subject", "Message id", rows=rows)


class Progress:
    """Calm progress on stderr: a line for each thing that is done, and one that says what is under way."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._status: Status | None = None
        self._resources: dict[str, int] = {}
        self._failed: set[str] = set()

    @contextmanager
    def doing(self, text: str) -> Iterator[None]:
        """Show what is under way while it is; nothing of it remains."""
        with self._console.status(plain(text)) as self._status:
            yield
        self._status = None

    def now(self, text: str) -> None:
        """Replace what is shown as under way."""
        if self._status:
            self._status.update(plain(text))

    def done(self, text: str, mark: str = "✓") -> None:
        """Add a line that remains."""
        self._console.print(Text(f"{mark} ", STYLES.get(mark, "")) + plain(text), soft_wrap=True)

    def resource(self, event: ResourceEvent) -> None:
        """Follow a deployment: a line for each nested stack, and for each resource directly in root."""
        if event.stack:
            if event.is_complete:
                self._resources[event.stack] = self._resources.get(event.stack, 0) + 1
            self.now(f"{event.stack}: {event.logical_id}")
        elif event.is_failure:
            if event.logical_id not in self._failed:
                self.done(f"  {event.logical_id:<19} {event.status}", "✗")
            self._failed.add(event.logical_id)
        elif event.is_complete and not self._failed:
            count = self._resources.pop(event.logical_id, None)
            self.done(
                f"  {event.logical_id:<20}" + (f"{count:>3} resource{'s' * (count != 1)}" if count else "")
            )
        else:
            self.now(f"{event.logical_id}: {event.status}")
