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
from ops import ledger, ledger_view, local, publishing
from ops.demo_orders import Observed, Order, orders, report
from ops.local import LocalEnvironment
from ops.output import Progress, inbox, plain, record_table, table
from ops.tree import PROJECT

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
    environment: LocalEnvironment, all_orders: Sequence[Order], progress: Progress
) -> list[Observed]:
    topic_arn = environment.outputs()["OrderEventsTopicArn"]
    observed = []
    for order in all_orders:
        observed.append(Observed(order, time.time()))
        for _ in range(order.copies):
            publishing.publish(environment.aws.sns, topic_arn, publishing.raw_event(order.body.encode()))
    progress.done(f"{sum(order.copies for order in all_orders)} orders published")
    return observed


def _settle(environment: LocalEnvironment, observed: Sequence[Observed], progress: Progress) -> None:
    """Look until everything is as expected and no message is under way, or for as long as is reasonable."""
    outputs = environment.outputs()
    deadline = time.monotonic() + SETTLE_TIMEOUT_SECONDS
    begin = time.monotonic()
    with progress.doing("waiting for the emails and for what becomes of them"):
        while True:
            _observe(environment, outputs, observed)
            open_orders = [o for o in observed if o.problems()]
            queues = ("SendQueueUrl", "FeedbackQueueUrl")
            messages = sum(sum(environment.queue_depth(outputs[name]).values()) for name in queues)
            if (not open_orders and not messages) or time.monotonic() > deadline:
                break
            progress.now(
                f"{len(observed) - len(open_orders)} of {len(observed)} orders settled, "
                f"{messages} messages under way"
            )
            time.sleep(POLL_SECONDS)
    progress.done(
        f"settled in {time.monotonic() - begin:.1f} s" if not open_orders else "not settled in time",
    )


def _observe(environment: LocalEnvironment, outputs: dict[str, str], observed: Sequence[Observed]) -> None:
    accepted = environment.emulator.accepted()
    refusals = _dead_letters(environment, outputs["SendDeadLetterQueueUrl"])
    for one in observed:
        key = order_key(one.order.order_id)
        one.mails = [mail for mail in accepted if mail["tags"].get("order_key") == key]
        records = ledger.find_order(environment.aws.dynamodb, outputs["LedgerTableName"], one.order.order_id)
        one.record = records[0] if records else None
        one.refusal = refusals.get(one.order.body, one.refusal)


def _dead_letters(environment: LocalEnvironment, queue_url: str) -> dict[str, dict[str, str]]:
    """Attributes of the messages in a dead-letter queue, by body. The messages stay in it."""
    found: dict[str, dict[str, str]] = {}
    while True:
        messages = environment.aws.sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=5
        ).get("Messages", [])
        if not messages:
            return found
        for message in messages:
            attributes = message.get("MessageAttributes", {})
            found[message["Body"]] = {name: value["StringValue"] for name, value in attributes.items()}


def _show(console: Console, observed: Sequence[Observed]) -> bool:
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


def _row(one: Observed) -> tuple[object, ...]:
    record = one.record or {}
    seconds = one.seconds_to_accepted
    return (
        one.order.order_id,
        one.order.what,
        record.get("status", "unknown"),
        len(one.mails),
        "" if seconds is None else f"{seconds:.2f} s",
        " → ".join(event["event"] for event in ledger_view.history(record)),
    )


def _write(observed: Sequence[Observed], console: Console) -> None:
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
    console: Console, environment: LocalEnvironment, observed: Sequence[Observed]
) -> None:
    console.print(
        f"\nThe system keeps running at {environment.endpoint_url}. Look around:\n"
        "  uv run notify local status\n"
        "  uv run notify local inbox\n"
        f"  uv run notify find {observed[0].order.order_id}\n"
        f"  uv run notify publish --now {SAMPLE.relative_to(PROJECT)}\n"
        "  uv run notify local down",
    )
