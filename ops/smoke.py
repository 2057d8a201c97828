"""Sends real orders to SES's mailbox simulator through a deployed system, and watches what becomes of them.

Its dead letter is deleted, and those that it had to look through are made visible again. Its records stay
until their retention ends: they are the evidence of the test, and an event of SES that comes late would find
no record and count as an orphan. Its emails count in no rate (`notifications.probe`).
"""

from __future__ import annotations

import math
import secrets
import time
from datetime import UTC, datetime

from ops.orders import publish, record, refusals
from ops.output import Progress
from ops.smoke_orders import STEPS, SmokeObserved, State
from ops.targets import Deployed
from ops.waiting import wait_for

POLL_SECONDS = 0.5


def run(of: Deployed, patience_seconds: float, progress: Progress) -> list[SmokeObserved]:
    """Publish the orders and watch until each has passed or failed.

    Parameters
    ----------
    patience_seconds
        How long to wait for the outcomes.
    """
    now = datetime.now(UTC)
    observed = [SmokeObserved(step.order(f"smoke-{secrets.token_hex(6)}", now), step=step) for step in STEPS]
    began = time.monotonic()
    publish(of.aws.sns, of.outputs["OrderEventsTopicArn"], [one.order for one in observed])

    def is_done() -> bool:
        _look(of, observed)
        after = time.monotonic() - began
        for one in observed:
            one.judge(after, patience_seconds)
        ended = sum(one.state is not State.WAITING for one in observed)
        progress.now(f"{ended} of {len(observed)} steps done after {after:.0f} s")
        return ended == len(observed)

    with progress.doing("waiting for the emails and for what becomes of them"):
        # Each step fails by itself when its time is over.
        wait_for(is_done, timeout_seconds=math.inf, poll_seconds=POLL_SECONDS)
    return observed


def _look(of: Deployed, observed: list[SmokeObserved]) -> None:
    for one in observed:
        one.record = record(of.aws.dynamodb, of.outputs, one.order)
    waiting = [one for one in observed if one.state is State.WAITING]
    if missing := [one.order.body for one in waiting if not one.record and one.refusal is None]:
        found = refusals(of.aws.sqs, of.outputs, missing, delete=True)
        for one in waiting:
            one.refusal = found.get(one.order.body, one.refusal)
