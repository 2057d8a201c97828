"""The command that tells whether all is well: `status`."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ops import status as health
from ops import targets
from ops.commands.options import NO, Env, Json, Region
from ops.output import answers, print_json, table
from ops.targets import hold_of


def status(env: Env = None, region: Region = None, as_json: Json = False) -> None:
    """Tell whether all is well, and which page says what to do if not. Exit code 1: something is not."""
    of = targets.find(env, region)
    found = health.look(of, hold_of(of))
    if as_json:
        print_json([asdict(one) for one in found])
    else:
        rows = [("✓" if one.is_healthy else "✗", one.what, one.detail, one.runbook) for one in found]
        answers().print(table("", "What", "How it stands", "Page", rows=rows))
    if not all(one.is_healthy for one in found):
        raise typer.Exit(NO)
