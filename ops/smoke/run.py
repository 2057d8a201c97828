"""Sends real orders to SES's mailbox simulator through a deployed system, and watches what becomes of them.

Its dead letter is deleted, and those that it had to look through are made visible again. Its records stay
until their retention ends: they are the evidence of the test, and an event of SES that comes late would find
no record and count as an orphan. Its emails count in no rate (`notifications.probe`).
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Any

from notifications.email_types import EmailTypes
from ops import ledger, publishing
from ops.output import Progress
from ops.publishing import OrderEvent
from ops.smoke.steps import STEPS, Observed, State, event
from ops.targets import Deployed

EMAIL_TYPE = "order_confirmation"
POLL_SECONDS = 0.5
HIDDEN_SECONDS = 120
"""How long other dead letters stay invisible if the command is broken off while it looks through them."""


def run(of: Deployed, patience_seconds: float, progress: Progress) -> list[Observed]:
    """Publish the orders and watch until each has passed or failed.

    Parameters
    ----------
    patience_seconds
        How long to wait for the outcomes.
    """
    client, table_name = of.aws.dynamodb, of.outputs["LedgerTableName"]
    dead_letters = DeadLetters(of.aws.sqs, of.outputs["SendDeadLetterQueueUrl"])
    sample = EmailTypes().get(EMAIL_TYPE).sample
    observed: list[Observed] = []
    for step in STEPS:
        id_ = f"smoke-{secrets.token_hex(6)}"
        observed.append(Observed(step, id_, event(sample, step, id_, datetime.now(UTC))))
    began = time.monotonic()
    try:
        for one in observed:
            for _ in range(one.step.copies):
                publishing.publish(
                    of.aws.sns,
                    of.outputs["OrderEventsTopicArn"],
                    OrderEvent(one.body, one.order_id, EMAIL_TYPE),
                )
        with progress.doing("waiting for the emails and for what becomes of them"):
            while waiting := [one for one in observed if one.state is State.WAITING]:
                for one in observed:
                    records = ledger.find_order(client, table_name, one.order_id)
                    one.record = records[0] if records else None
                if any(not one.record and one.refusal is None for one in waiting):
                    dead_letters.look(observed)
                else:
                    dead_letters.release()
                for one in observed:
                    one.look(time.monotonic() - began, patience_seconds)
                ended = [one for one in observed if one.state is not State.WAITING]
                progress.now(
                    f"{len(ended)} of {len(observed)} steps done after {time.monotonic() - began:.0f} s"
                )
                time.sleep(POLL_SECONDS)
    finally:
        dead_letters.release()
    return observed


class DeadLetters:
    """Finds and removes this test's own message in the dead-letter queue; all others stay as they are."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._url = queue_url
        self._others: list[str] = []

    def look(self, observed: list[Observed]) -> None:
        """Look through what is visible; an order's own dead letter is noted and deleted.

        Others stay invisible until `release`, so that each is looked at once.
        """
        by_body = {one.body: one for one in observed}
        while messages := self._receive():
            for message in messages:
                own = by_body.get(message["Body"])
                if own is None:
                    self._others.append(message["ReceiptHandle"])
                    continue
                attributes = message.get("MessageAttributes", {})
                own.refusal = {name: value.get("StringValue", "") for name, value in attributes.items()}
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])

    def release(self) -> None:
        """Make the others visible again."""
        while self._others:
            batch, self._others = self._others[:10], self._others[10:]
            self._sqs.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": 0}
                    for number, handle in enumerate(batch)
                ],
            )

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            VisibilityTimeout=HIDDEN_SECONDS,
            WaitTimeSeconds=1,
        )
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages
