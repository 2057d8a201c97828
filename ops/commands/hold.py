"""The commands that hold sending back and let it go: `hold` and `resume`."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ops import targets
from ops.audit import Reason, decision
from ops.commands.options import NO, Env, Json, Region
from ops.output import Progress, print_json
from ops.targets import hold_of


def hold(reason: Reason, env: Env = None, region: Region = None, as_json: Json = False) -> None:
    """Send nothing from now on: orders wait until `notify resume`. Exit code 1: it was on hold already."""
    of = targets.find(env, region)
    sending = hold_of(of)
    is_new = sending.hold(decision(of, reason))
    held = sending.held()
    if as_json:
        print_json({"on_hold": True, "is_new": is_new, "held": asdict(held) if held else None})
    elif is_new:
        Progress().done("sending is on hold: orders wait in their queue, for 4 days at most; `notify resume`")
    elif held:
        Progress().done(f"sending is on hold since {held.at}, by {held.by}: {held.reason}", "!")
    if not is_new:
        raise typer.Exit(NO)


def resume(reason: Reason, env: Env = None, region: Region = None, as_json: Json = False) -> None:
    """Send again, beginning with what has waited. Exit code 1: it was not on hold."""
    of = targets.find(env, region)
    sending = hold_of(of)
    held = sending.held()
    sending.resume(decision(of, reason))
    if as_json:
        print_json({"on_hold": False, "held": asdict(held) if held else None})
    elif held:
        Progress().done(f"sending goes on; it was on hold since {held.at}, by {held.by}: {held.reason}")
    else:
        Progress().done("sending was not on hold, as far as the ledger knows; it is enabled now", "!")
    if held is None:
        raise typer.Exit(NO)
