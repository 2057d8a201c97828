"""The command that says what became of an email: `find`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from notifications import overdue
from notifications.ledger_scan import LedgerScan
from notifications.overdue import Assessment, Overdue
from notifications.times import iso
from ops import ledger_lookup, ledger_view, targets
from ops.commands.options import NO, Env, Json, Region
from ops.errors import InputError
from ops.function_settings import send_settings
from ops.output import Progress, answers, plain, print_json
from ops.targets import Deployed

FINDINGS = {
    overdue.OverdueFinding.NOT_SENT: "not sent, and no longer in the queue",
    overdue.OverdueFinding.UNDECIDED: "nobody knows whether SES has it: `notify settle`",
    overdue.OverdueFinding.NO_OUTCOME: "accepted by SES, without an outcome",
}


def find(
    order_id: Annotated[
        str | None, typer.Argument(metavar="ORDER_ID", help="What the order system calls it.")
    ] = None,
    email: Annotated[
        str | None, typer.Option(metavar="ADDRESS", help="All emails to this address instead.")
    ] = None,
    stale: Annotated[
        bool, typer.Option("--stale", help="All that the daily check reports as overdue instead.")
    ] = False,
    env: Env = None,
    region: Region = None,
    as_json: Json = False,
) -> None:
    """Show what became of emails: what happened, why, what to do next. Exit code 1: there is no record."""
    if (order_id is not None) + (email is not None) + stale != 1:
        raise InputError(
            "It takes one of ORDER_ID, --email and --stale.", "For example `notify find A-1001`."
        )
    of = targets.find(env, region)
    if stale:
        _show_stale(of, as_json=as_json)
        return
    client, table_name = of.aws.dynamodb, of.outputs["LedgerTableName"]
    if order_id is not None:
        records = ledger_lookup.find_order(client, table_name, order_id)
    else:
        records = ledger_lookup.find_recipient(
            client, table_name, ledger_lookup.recipient_key_of(of, email or "")
        )
    if as_json:
        print_json([ledger_view.as_json(record) for record in records])
    else:
        for number, record in enumerate(records):
            if number:
                answers().print()
            answers().print(ledger_view.as_table(record))
    if records:
        return
    if not as_json:
        what = f"order {order_id}" if order_id is not None else "this address"
        Progress().done(
            f"There is no record of {what}: it is not handled yet, was refused (then it is in the send "
            "dead-letter queue, with the reason: `notify dlq list`), or its record has expired.",
            "!",
        )
    raise typer.Exit(NO)


def _show_stale(of: Deployed, *, as_json: bool) -> None:
    now = datetime.now(UTC)
    client, table_name = of.aws.dynamodb, of.outputs["LedgerTableName"]
    with Progress().doing("reading the ledger"):
        scan = LedgerScan(client, table_name).entries(overdue.UNRESOLVED, now)
        findings = overdue.assess(scan, now, send_settings(of).undecided_after)
    records = {
        (record["order_key"], record["notification"]): record
        for record in ledger_lookup.get(client, table_name, [one.entry.key for one in findings.listed])
    }
    found = [
        (one, record)
        for one in findings.listed
        if (record := records.get((one.entry.key.order_key, one.entry.key.notification)))
    ]
    if as_json:
        print_json(_stale_json(findings, found))
    else:
        for one, record in found:
            answers().print(ledger_view.as_table(record))
            answers().print(plain(f"overdue since {iso(one.due)}: {FINDINGS[one.finding]}\n"))
        Progress().done(
            f"{findings.overdue} overdue, of which {len(found)} are shown; {findings.older} more "
            f"have been so for over {overdue.REPORTED_DAYS} days",
            "!" if findings.overdue else "✓",
        )
    if not findings.overdue:
        raise typer.Exit(NO)


def _stale_json(findings: Assessment, found: list[tuple[Overdue, dict[str, Any]]]) -> dict[str, Any]:
    return {
        "overdue": findings.overdue,
        "by_finding": {finding.value: findings.counts.get(finding, 0) for finding in overdue.OverdueFinding},
        "older": findings.older,
        "notifications": [
            ledger_view.as_json(record)
            | {"finding": one.finding.value, "since": iso(one.since), "due": iso(one.due)}
            for one, record in found
        ],
    }
