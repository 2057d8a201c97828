"""Sends orders of all kinds through the whole system on this machine, and watches what becomes of them."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from notifications.keys import order_key
from ops import local
from ops.demo_orders import DemoObserved, DemoOrder, orders, report
from ops.local import LocalEnvironment
from ops.orders import publish, record, refusals
from ops.output import Progress
from ops.tree import PROJECT
from ops.waiting import wait_for

SAMPLE = PROJECT / "functions" / "email_types" / "order_confirmation" / "sample.json"
FOLDER = PROJECT / "build" / "demo"
SETTLE_TIMEOUT_SECONDS = 75.0
POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Demonstration:
    """What a demonstration has shown.

    Parameters
    ----------
    endpoint_url
        Where the system goes on running; None if it was stopped.
    """

    observed: Sequence[DemoObserved]
    endpoint_url: str | None


def run(progress: Progress, *, keep: bool) -> Demonstration:
    """Demonstrate, and write the mails and `report.json` to `build/demo`.

    An emulator that runs already is used, and left running.
    """
    stays = keep or local.find() is not None
    try:
        environment = local.up(None, progress, any_free_port=True)
        observed = _publish(environment, orders(secrets.token_hex(3), datetime.now(UTC)), progress)
        _settle(environment, observed, progress)
    finally:
        if not stays and (started := local.find()):
            started.down()
    _write(observed)
    return Demonstration(observed, environment.endpoint_url if stays else None)


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


def _write(observed: Sequence[DemoObserved]) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for old in FOLDER.glob("*.html"):
        old.unlink()
    for one in observed:
        for number, mail in enumerate(one.mails):
            (FOLDER / f"{one.order.order_id}{f'-{number + 1}' if number else ''}.html").write_text(
                mail["html"]
            )
    (FOLDER / "report.json").write_text(json.dumps(report(observed), indent=2) + "\n")
