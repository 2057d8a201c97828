"""The command that tells who has changed what, when and why: `audit`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from notifications.audit import AUDIT_RETENTION
from ops import durations, ledger_lookup, targets
from ops.commands.options import NO, Env, Json, Region
from ops.output import Progress, answers, print_json, table

ALWAYS = ("at", "action", "by", "reason")
KEYS = ("order_key", "notification", "expires_at")


def audit(
    since: Annotated[
        str, typer.Option("--since", help="How long back: 12h, 30d; two years at most.")
    ] = "30d",
    env: Env = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Tell what people, and the reputation guard, have changed, the newest first. Exit code 1: nothing."""
    duration = durations.parse(since, AUDIT_RETENTION)
    of = targets.find(env, region)
    items = ledger_lookup.audit_trail(
        of.aws.dynamodb, of.outputs["LedgerTableName"], datetime.now(UTC) - duration
    )
    entries = [_entry(item) for item in items]
    if as_json:
        print_json(entries)
    elif entries:
        rows = [(*(entry[name] for name in ALWAYS), _facts(entry["facts"])) for entry in entries]
        answers().print(table("When", "What", "Who", "Why", "", rows=rows))
    else:
        Progress().done(f"nothing was changed by command within {since}", "!")
    if not entries:
        raise typer.Exit(NO)


def _entry(item: dict[str, Any]) -> dict[str, Any]:
    # The item's own `notification` and `order_key` are its keys; what it is about has names of its own.
    facts = {name: value for name, value in sorted(item.items()) if name not in (*ALWAYS, *KEYS)}
    return {**{name: item.get(name) for name in ALWAYS}, "facts": facts}


def _facts(facts: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())
