"""`notify demo`: orders of all kinds through the whole system on this machine, and what became of them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from notifications.keys import order_key
from ops import ledger_view, local
from ops.demo_orders import DemoObserved, DemoOrder, orders, report
from ops.local import LocalEnvironment
from ops.orders import publish, record, refusals
from ops.output import Progress, inbox, plain, record_table, table
from ops.tree import PROJECT
from ops.waiting import wait_for

SAMPLE = PROJECT / "functions" / "email_types" / "order_confirmation" / "sample.json"
FOLDER = PROJECT / "build" / "demo"
SETTLE_TIMEOUT_SECONDS = 75.0
POLL_SECONDS = 0.5


def run(progress: Progress, console: Console, *, keep: bool) -> bool:
    """Demonstrate, and write the mails and `report.json` to `build/demo`.

    An emulator that runs already is used, and left running.

    Returns
    -------
    Whether everything was as expected.
    """
    was_running = local.find() is not None
    try:
        environment = local.up(None, progress, any_free_port=True)
        sample = json.loads(SAMPLE.read_text())
        observed = _publish(environment, orders(sample, secrets.token_hex(3), datetime.now(UTC)), progress)
        _settle(environment, observed, progress)
        ok = _show(console, observed)
        _write(observed, console)
        if keep or was_running:
            _explain_how_to_look_around(console, environment, observed)
    finally:
        if not keep and not was_running and (started := local.find()):
            started.down()
    return ok


def _publish(
    environment: LocalEnvironment, orders: Sequence[DemoOrder], progress: Progress
) -> list[DemoObserved]:
    observed = []
    for order in orders:
        observed.append(DemoObserved(order, published_at=time.time()))
        publish(environment.aws.sns, environment.outputs()["OrderEventsTopicArn"], [order])
    progress.done(f"{sum(order.copies for order in orders)} orders published")
    return observed


def _settle(environment: LocalEnvironment, observed: Sequence[DemoObserved], progress: Progress) -> None:
    """Look until everything is as expected and no message is under way, or for as long as is reasonable."""
    outputs, begin = environment.outputs(), time.monotonic()

    def is_settled() -> bool:
        _observe(environment, outputs, observed)
        settled = sum(not one.problems() for one in observed)
        queues = ("SendQueueUrl", "FeedbackQueueUrl")
        messages = sum(sum(environment.queue_depth(outputs[name]).values()) for name in queues)
        progress.now(f"{settled} of {len(observed)} orders settled, {messages} messages under way")
        return settled == len(observed) and not messages

    with progress.doing("waiting for the emails and for what becomes of them"):
        settled = wait_for(is_settled, timeout_seconds=SETTLE_TIMEOUT_SECONDS, poll_seconds=POLL_SECONDS)
    progress.done(f"settled in {time.monotonic() - begin:.1f} s" if settled else "not settled in time")


def _observe(
    environment: LocalEnvironment, outputs: dict[str, str], observed: Sequence[DemoObserved]
) -> None:
    accepted = environment.emulator.accepted()
    for one in observed:
        key = order_key(one.order.order_id)
        one.mails = [mail for mail in accepted if mail["tags"].get("order_key") == key]
        one.record = record(environment.aws.dynamodb, outputs, one.order)
    if missing := [one.order.body for one in observed if not one.record and one.refusal is None]:
        found = refusals(environment.aws.sqs, outputs, missing)
        for one in observed:
            one.refusal = found.get(one.order.body, one.refusal)


def _show(console: Console, observed: Sequence[DemoObserved]) -> bool:
    """Tell what became of each order; returns whether that is as expected."""
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
            _print(console, f"Timeline: {one.order.what}", record_table(one.record))
    counts = report(observed)
    seconds = counts["seconds_to_accepted"]
    console.print(
        f"\n{counts['orders']} orders published: {counts['emails']} emails accepted by SES, "
        f"{counts['duplicates_prevented']} duplicates prevented, {counts['refused']} refused. "
        f"{counts['duplicates_sent']} duplicates sent.\n"
        f"{counts['delivered']} delivered, {counts['bounced']} bounced, {counts['complained']} complained. "
        f"Accepted by SES after {seconds['p50']} s (p50), {seconds['p99']} s (p99).",
    )
    problems = [f"{one.order.order_id}, {one.order.what}: {p}" for one in observed for p in one.problems()]
    for problem in problems:
        console.print(plain(f"✗ {problem}"), soft_wrap=True)
    return not problems


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


def _write(observed: Sequence[DemoObserved], console: Console) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.html"):
        old.unlink()
    for one in observed:
        for number, mail in enumerate(one.mails):
            (FOLDER / f"{one.order.order_id}{f'-{number + 1}' if number else ''}.html").write_text(
                mail["html"]
            )
    (FOLDER / "report.json").write_text(json.dumps(report(observed), indent=2) + "\n")
    console.print(
        f"The mails as HTML, and report.json, are in {FOLDER.relative_to(PROJECT)}/.", highlight=False
    )


def _explain_how_to_look_around(
    console: Console, environment: LocalEnvironment, observed: Sequence[DemoObserved]
) -> None:
    console.print(
        f"\nThe system keeps running at {environment.endpoint_url}. Look around:\n"
        "  uv run notify local status\n"
        "  uv run notify local inbox\n"
        f"  uv run notify find {observed[0].order.order_id}\n"
        f"  uv run notify publish --now {SAMPLE.relative_to(PROJECT)}\n"
        "  uv run notify local down",
    )
