"""Ledger records as operators see them, in plain language. Pure: no AWS, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from notifications.evidence import Doubt
from notifications.ledger import ANSWERED_WITH_ERROR, Choice
from notifications.times import iso
from ops.output import table

if TYPE_CHECKING:
    from rich.table import Table

FIELDS = (
    "order_id",
    "order_key",
    "notification",
    "resend_of",
    "type",
    "status",
    "attempt",
    "resends",
    "recipient",
    "message_id",
    "correlation_id",
    "reason",
    "occurred_at",
    "created_at",
    "sent_at",
    "updated_at",
    "decision",
    "decided_by",
    "decided_at",
    "decision_reason",
    "mismatches",
    "mismatch_at",
)
"""What the JSON form has of each record, besides what is made of it in `as_json`."""

MEANINGS = {
    "READY": "Not sent yet: it waits in the queue for the next attempt.",
    "SENDING": "An attempt is under way, or nobody knows whether SES has taken it.",
    "FAILED": "Not sent: it was refused for good.",
    "ABANDONED": "Not sent, and not tried again: an operator has given it up.",
    "SENT": "Accepted by SES. What became of it is not known yet.",
    "DELAYED": "Not delivered yet: the recipient's mail server puts it off, SES keeps trying.",
    "SOFT_BOUNCED": "Not delivered: the recipient's mail server refused it for a reason that may pass.",
    "DELIVERED": "Delivered to the recipient's mail server.",
    "REJECTED": "Not delivered: SES accepted the email, then rejected it.",
    "BOUNCED": "Not delivered: the recipient's mail server refused it for good.",
    "SUPPRESSED": "Not delivered: the address is on a suppression list.",
    "COMPLAINED": "Delivered, and the recipient reported it as spam.",
}

WITH_REASON = ("READY", "FAILED", "ABANDONED")
"""Statuses of which the record's reason tells."""

ASK_FOR_ANOTHER_ADDRESS = (
    "Ask the customer for another address, then `notify resend {order_id} --to NEW --event FILE --reason …`."
)
WAIT_FOR_OUTCOME = (
    "Wait: SES reports the outcome, after 14 hours at the latest. None after 72 hours: runbook "
    "docs/runbooks/outcomes-missing.md."
)
NEXT_STEPS = {
    "READY": (
        "Nothing: it is tried again by itself, at least every 15 minutes. If it stays, the reason says what "
        "to mend: runbook docs/runbooks/orders-waiting.md. After days it is a dead letter: `notify dlq list`."
    ),
    "FAILED": (
        "Ask the customer for another address, then "
        "`notify resend {order_id} --to NEW --event FILE --reason …`; docs/failures.md has the reasons. An "
        "order that the publisher corrects and publishes again is sent as well."
    ),
    "SENT": WAIT_FOR_OUTCOME,
    "DELAYED": WAIT_FOR_OUTCOME,
    "SOFT_BOUNCED": (
        "Tell the customer that the mailbox is full or away, and `notify resend {order_id} --event FILE "
        "--reason …` later, or send it elsewhere with --to."
    ),
    "DELIVERED": (
        "Nothing. If the customer cannot find it: look into the spam folder, else `notify resend {order_id} "
        "--event FILE --reason …`."
    ),
    "REJECTED": "Look at the email for what SES takes for malware: its templates and the order's texts.",
    "BOUNCED": ASK_FOR_ANOTHER_ADDRESS,
    "SUPPRESSED": (
        "`notify suppression show {recipient}` says why and since when. If the mailbox is well again: "
        "`notify suppression remove`, then `notify resend {order_id} --event FILE --reason …`."
    ),
    "COMPLAINED": "Send nothing more about it, unless the customer asks for it in writing.",
    "ABANDONED": (
        "Nothing: `notify audit` says who discarded it and why. If it is wanted after all: "
        "`notify resend {order_id} --event FILE --reason …`."
    ),
}
UNKNOWN_STATUS = "A newer release has written it: update this tool."

EVENTS = {
    "Send": "Accepted by SES",
    "Delivery": "Delivered",
    "DeliveryDelay": "Put off by the recipient's mail server",
    "Complaint": "Reported as spam",
    "Reject": "Rejected by SES",
    "Rendering Failure": "Not rendered by SES",
    "Restored": "Known from a backup or a log when the ledger was restored",
}

COMPLAINTS = {
    "not-spam": "Marked as not spam",
    "auth-failure": "Authentication reported as failed",
}
"""Feedback that is no complaint of the recipient."""

BOUNCES = {
    "Permanent": "Refused for good",
    "Transient": "Refused for now, or answered automatically (out of office)",
}

EVENT_ORDER = ("Send", "DeliveryDelay", "Delivery", "Bounce", "Complaint")
"""How events of the same moment follow each other."""


@dataclass(frozen=True)
class Moment:
    """One line of a timeline."""

    at: str
    text: str


def as_json(item: Mapping[str, Any]) -> dict[str, Any]:
    """The record in the stable form of `notify find --json`: every key is always there, null if unknown."""
    return {
        **{name: item.get(name) for name in FIELDS},
        "meaning": meaning(item),
        "next_step": next_step(item),
        "duplicate_message_ids": _duplicates(item),
        "history": history(item),
        "history_more": _more(item),
    }


def as_table(record: Mapping[str, Any]) -> Table:
    """The record as `notify find` prints it: what it is, how it stands, what happened, what to do."""
    facts = {
        "order": record.get("order_id"),
        "email": record.get("type"),
        "resend of": record.get("resend_of"),
        "to": record.get("recipient"),
        "status": f"{record['status']}. {meaning(record)}",
        "attempts": record.get("attempt"),
        "message id": record.get("message_id"),
        "sent twice": ", ".join(_duplicates(record)) or None,
        "decided": _decided(record),
        "other content": _mismatches(record),
    }
    moments = [(moment.at, moment.text) for moment in timeline(record)]
    rows = [(name, value) for name, value in facts.items() if value is not None]
    return table(rows=[*rows, *moments, ("next step", next_step(record))])


def meaning(item: Mapping[str, Any]) -> str:
    """What the record's status says about the email, and why if that is recorded."""
    status = str(item.get("status", ""))
    text = MEANINGS.get(status, f"Status {status}.")
    reason = item.get("reason")
    return f"{text} Reason: {reason}." if reason and status in WITH_REASON else text


def next_step(item: Mapping[str, Any]) -> str:
    """What to do about the email now."""
    status = str(item.get("status", ""))
    if status == "SENDING":
        return _settle(item)
    known = {"order_id": item.get("order_id", "ORDER_ID"), "recipient": item.get("recipient", "ADDRESS")}
    return NEXT_STEPS.get(status, UNKNOWN_STATUS).format_map(known)


def doubt(item: Mapping[str, Any]) -> Doubt:
    """Why it is not certain whether SES has the message of a record that is SENDING."""
    return Doubt.ANSWERED if item.get("answer") == ANSWERED_WITH_ERROR else Doubt.UNANSWERED


def _settle(item: Mapping[str, Any]) -> str:
    """By what, and until when, it is decided whether an attempt has to be made again."""
    if item.get("decision") == Choice.SEND_AGAIN:
        return (
            f"{item['decided_by']} has decided at {item['decided_at']} to send it again: it waits for its "
            "order event. If no queue has it, publish it again with `notify publish FILE`, however old it is."
        )
    ends = iso(datetime.fromtimestamp(item.get("send_by_ms", 0) / 1000, UTC))
    if doubt(item) is Doubt.ANSWERED:
        what = "SES answered with an error: it is tried again by itself, unless something speaks against it"
    else:
        what = "SES may have it: it is never sent again by itself"
    settle = f"`notify settle {item.get('order_id', 'ORDER_ID')}`"
    return (
        f"Wait until {ends}, and a settle window (15 minutes) longer for an event of SES. {what}. If it "
        f"stays: {settle}, runbook docs/runbooks/emails-undecided.md."
    )


def history(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The events that SES reported, oldest first."""
    return sorted(item.get("history", {}).values(), key=_order)


def timeline(item: Mapping[str, Any]) -> list[Moment]:
    """All that is known to have happened, oldest first."""
    events = history(item)
    moments = [Moment(event["at"], _event_text(event)) for event in events]
    if item.get("sent_at") and not any(event["event"] == "Send" for event in events):
        moments.insert(0, Moment(item["sent_at"], EVENTS["Send"]))
    if item.get("created_at"):
        moments.insert(0, Moment(item["created_at"], "Order event received"))
    if item.get("status") in WITH_REASON and item.get("reason"):
        moments.append(Moment(item["updated_at"], f"Not sent: {item['reason']}"))
    if more := _more(item):
        moments.append(Moment(item["updated_at"], f"… and {more} more events"))
    return moments


def _duplicates(item: Mapping[str, Any]) -> list[str]:
    """Further messages of it that SES accepted, as attempt:message id."""
    return sorted(item.get("duplicate_message_ids", ()))


def _decided(item: Mapping[str, Any]) -> str | None:
    """What a person has decided on its current attempt."""
    if "decision" not in item:
        return None
    choice = item["decision"].replace("_", " ")
    return f"{choice}, by {item['decided_by']} at {item['decided_at']}: {item['decision_reason']}"


def _mismatches(item: Mapping[str, Any]) -> str | None:
    """Orders of other content that came when nothing could be sent of them."""
    if "mismatches" not in item:
        return None
    return (
        f"came {item['mismatches']} times, last at {item['mismatch_at']}, and was not sent: `notify resend "
        f"{item.get('order_id', 'ORDER_ID')} --event FILE --reason …` sends it to the address that is right"
    )


def _more(item: Mapping[str, Any]) -> int:
    """Events that the history has no room for."""
    return len(item.get("event_ids", ()))


def _order(event: Mapping[str, Any]) -> tuple[datetime, int]:
    kind = event["event"]
    position = EVENT_ORDER.index(kind) if kind in EVENT_ORDER else len(EVENT_ORDER)
    return datetime.fromisoformat(event["at"]), position


def _event_text(event: Mapping[str, Any]) -> str:
    kind = event["event"]
    if kind == "Bounce":
        text = BOUNCES.get(event.get("type", ""), "Refused")
    elif kind == "Complaint":
        text = COMPLAINTS.get(event.get("type", ""), EVENTS[kind])
    else:
        text = EVENTS.get(kind, f"SES event {kind}")
    attempt = f", attempt {event['attempt']}" if event.get("attempt", 1) > 1 else ""
    details = [event.get(name) for name in ("subtype", "code", "response")]
    if kind != "Bounce" and event.get("type") not in COMPLAINTS:
        details.insert(0, event.get("type"))
    said = ", ".join(str(detail) for detail in details if detail)
    return f"{text}{attempt}" + (f" ({said})" if said else "")
