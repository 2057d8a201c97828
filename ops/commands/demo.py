"""The command that shows the whole system at work: `demo`."""

from __future__ import annotations

from typing import Annotated

import typer

from ops import demo as demonstration
from ops.commands.options import NO
from ops.output import Progress, answers


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the system running.")] = False,
) -> None:
    """Run the whole system here, send orders of all kinds through it, show what became of each."""
    if not demonstration.run(Progress(), answers(), keep=keep):
        raise typer.Exit(NO)
