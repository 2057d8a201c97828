"""The command that shows the whole system at work: `demo`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ops import demo as demonstration
from ops import ledger_view
from ops.commands.options import NO
from ops.demo import FOLDER, SAMPLE
from ops.demo_orders import DemoObserved, report
from ops.output import Progress, answers, inbox, plain, table
from ops.tree import PROJECT


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the system running.")] = False,
) -> None:
    """Run the whole system here, send orders of all kinds through it, show what became of each."""
    shown, console = demonstration.run(Progress(), keep=keep), answers()
    _tables(console, shown.observed)
    _counts(console, shown.observed)
    problems = [
        f"{one.order.order_id}, {one.order.what}: {problem}"
        for one in shown.observed
        for problem in one.problems()
    ]
    for problem in problems:
        console.print(plain(f"✗ {problem}"), soft_wrap=True)
    console.print(
        f"The mails as HTML, and report.json, are in {FOLDER.relative_to(PROJECT)}/.", highlight=False
    )
    if shown.endpoint_url:
        console.print(
            f"\nThe system keeps running at {shown.endpoint_url}. Look around:\n"
            "  uv run notify local status\n"
            "  uv run notify local inbox\n"
            f"  uv run notify find {shown.observed[0].order.order_id}\n"
            f"  uv run notify publish --now {SAMPLE.relative_to(PROJECT)}\n"
            "  uv run notify local down",
        )
    if problems:
        raise typer.Exit(NO)


def _tables(console: Console, observed: Sequence[DemoObserved]) -> None:
    headings = ("Order", "What it is", "Status", "Mails", "Accepted after", "What happened")
    handled = [one for one in observed if one.refusal is None]
    _print(console, "Orders", table(*headings, rows=[_row(one) for one in handled]))
    refused = [
        (
            one.order.order_id,
            one.order.what,
            " ".join(one.refusal.get(name, "?") for name in ("error_field", "error_reason")),
        )
        for one in observed
        if one.refusal is not None
    ]
    _print(console, "Refused, and kept in the dead-letter queue with the reason", table(rows=refused))
    _print(console, "Inbox", inbox([mail for one in observed for mail in one.mails]))
    for one in observed:
        if one.record and (one.order.copies > 1 or one.order.expected == "COMPLAINED"):
            _print(console, f"Timeline: {one.order.what}", ledger_view.as_table(one.record))


def _counts(console: Console, observed: Sequence[DemoObserved]) -> None:
    counts = report(observed)
    seconds = counts["seconds_to_accepted"]
    console.print(
        f"\n{counts['orders']} orders published: {counts['emails']} emails accepted by SES, "
        f"{counts['duplicates_prevented']} duplicates prevented, {counts['refused']} refused. "
        f"{counts['duplicates_sent']} duplicates sent.\n"
        f"{counts['delivered']} delivered, {counts['bounced']} bounced, {counts['complained']} complained. "
        f"Accepted by SES after {seconds['p50']} s (p50), {seconds['p99']} s (p99).",
    )


def _print(console: Console, title: str, content: Table) -> None:
    console.print(f"\n[bold]{title}[/bold]")
    console.print(content)


def _row(one: DemoObserved) -> tuple[object, ...]:
    known = one.record or {}
    seconds = one.seconds_to_accepted
    return (
        one.order.order_id,
        one.order.what,
        known.get("status", "unknown"),
        len(one.mails),
        "" if seconds is None else f"{seconds:.2f} s",
        " → ".join(event["event"] for event in ledger_view.history(known)),
    )
