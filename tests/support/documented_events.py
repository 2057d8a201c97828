"""Event records as the SES developer guide shows them, made to be about one of our emails."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from notifications.keys import NotificationKey

DOCUMENTED = Path(__file__).parents[2] / "ci" / "emulator" / "tests" / "ses_events"
"""See the README there."""

KINDS: tuple[tuple[str, dict[str, str]], ...] = (
    ("send", {}),
    ("delivery", {}),
    ("delivery-delay", {}),
    ("bounce", {"bounceType": "Permanent", "bounceSubType": "General"}),
    ("bounce", {"bounceType": "Permanent", "bounceSubType": "Suppressed"}),
    ("bounce", {"bounceType": "Permanent", "bounceSubType": "OnAccountSuppressionList"}),
    ("bounce", {"bounceType": "Transient", "bounceSubType": "General"}),
    ("bounce", {"bounceType": "Undetermined", "bounceSubType": "Undetermined"}),
    ("complaint", {"complaintFeedbackType": "abuse"}),
    ("complaint", {"complaintFeedbackType": "not-spam"}),
    ("complaint", {"complaintSubType": "OnAccountSuppressionList"}),
    ("reject", {}),
    ("rendering-failure", {}),
)
"""Every kind of event that the ledger tells apart: a record, and what is changed in its payload."""

PAYLOADS = {
    "delivery": "delivery",
    "delivery-delay": "deliveryDelay",
    "bounce": "bounce",
    "complaint": "complaint",
}
"""Where a record has what it says, and its own time."""


def documented_event(
    kind: tuple[str, dict[str, str]], key: NotificationKey, attempt: int, second: int
) -> str:
    """An event of this kind about an attempt, as it arrives.

    Parameters
    ----------
    second
        When it happened, within one minute, if its kind tells: those of one kind differ by it.
    """
    name, changes = kind
    record: dict[str, Any] = json.loads((DOCUMENTED / f"{name}.json").read_text())
    record["mail"]["messageId"] = f"message-{attempt}"
    record["mail"].setdefault("tags", {}).update(
        order_key=[key.order_key], notification=[key.notification], attempt=[str(attempt)]
    )
    if name in PAYLOADS:
        record[PAYLOADS[name]].update(changes, timestamp=f"2026-11-24T06:00:{second:02}.000Z")
    if "feedbackId" in record.get(name, {}):
        record[name]["feedbackId"] = "-".join(["feedback", str(attempt), str(second), *changes.values()])
    return json.dumps(record)
