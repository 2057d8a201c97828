"""What a restore writes into the ledger. Pure: no AWS, no clock.

A backup tells how things stood at its moment; what happened since then, the functions' logs tell. Neither
ever takes anything back: a record that is there is only moved up, by the ledger's own rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from notifications.audit import AUDIT_ORDER_KEY
from notifications.keys import NotificationKey
from notifications.ledger import SesEvent, Status
from notifications.times import iso
from ops.function_logs import fields_of

Item = Mapping[str, Any]
"""In DynamoDB's notation."""

IN_FLIGHT = "in flight when the ledger was restored, and no log tells what became of it"


@dataclass(frozen=True)
class Known:
    """What is known of a notification that SES has accepted."""

    status: Status
    message_id: str
    sent_at: str
    email_type: str = ""


def key_of(item: Item) -> NotificationKey:
    """Key of an item."""
    return NotificationKey(item["order_key"]["S"], item["notification"]["S"])


def to_insert(item: Item, now: datetime, *, logs_tell: bool) -> dict[str, Any] | None:
    """What to put where the ledger has nothing; None if the item is to stay away.

    Expired items do, and the system's own: whether sending is on hold, and how far feedback has come, is to
    be learnt anew. The audit trail comes back.

    Parameters
    ----------
    logs_tell
        Whether the logs tell what happened since. If not, what was in flight is given up: nobody knows
        whether it was sent, and its feedback may have been lost, so that silence proves nothing.
    """
    system = item["order_key"]["S"].startswith("~")
    if system and item["order_key"]["S"] != AUDIT_ORDER_KEY:
        return None
    if "expires_at" in item and int(item["expires_at"]["N"]) <= now.timestamp():
        return None
    if not system and Status(item["status"]["S"]).is_unsent and not logs_tell:
        given_up = {"status": Status.ABANDONED.value, "reason": IN_FLIGHT, "updated_at": iso(now)}
        return {**item, **{name: {"S": text} for name, text in given_up.items()}}
    return dict(item)


def known_of(item: Item) -> Known | None:
    """What a restored item shows of SES having accepted the email; None if it shows nothing."""
    if "status" not in item or not (status := Status(item["status"]["S"])).is_accepted:
        return None
    return Known(status, item.get("message_id", {"S": ""})["S"], item["sent_at"]["S"])


def moves_up(live: Mapping[str, Any], known: Known) -> bool:
    """Whether a record of the ledger, as plain values, is behind what is known.

    Raises
    ------
    ValueError
        The record is damaged: it has no status, or none that exists.
    """
    return Status(str(live.get("status"))).rank < known.status.rank


def as_event(known: Known, now: datetime) -> SesEvent:
    """What is known, as an event of SES: the ledger's rules then decide what it changes."""
    at = iso(now)
    entry = {"at": at, "event": "Restored", "status": known.status.value}
    return SesEvent(
        f"restored-{known.status.value}", 0, known.status, known.message_id, at, known.sent_at, entry
    )


def as_record(key: NotificationKey, known: Known, now: datetime, expires_at: datetime) -> dict[str, Any]:
    """A record, as plain values, of an email of which no backup tells: whoever claims it finds it sent.

    It has no address and no fingerprint, since no log has any.
    """
    at = iso(now)
    event = as_event(known, now)
    return {
        "order_key": key.order_key,
        "notification": key.notification,
        "type": known.email_type or key.notification.partition("-")[0],
        "status": known.status.value,
        "attempt": 1,
        "token": "",
        "send_by_ms": 0,
        "fingerprint": "",
        "message_id": known.message_id,
        "created_at": known.sent_at,
        "sent_at": known.sent_at,
        "updated_at": at,
        "resends": 0,
        "history": {event.id: dict(event.entry)},
        "expires_at": int(expires_at.timestamp()),
    }


def read_logs(lines: Iterable[tuple[int, str]]) -> dict[NotificationKey, Known]:
    """What the functions' logs tell of emails that SES has accepted, by notification.

    Parameters
    ----------
    lines
        Each with its time in epoch milliseconds; lines of other kinds are passed over.
    """
    found: dict[NotificationKey, Known] = {}
    for at_ms, line in lines:
        fields = fields_of(line)
        status = _status(fields)
        if status is None:
            continue
        key = NotificationKey(str(fields["order_key"]), str(fields["notification"]))
        known = found.get(key)
        sent_at = known.sent_at if known else iso(datetime.fromtimestamp(at_ms / 1000, UTC))
        email_type = str(fields.get("email_type") or (known.email_type if known else ""))
        if known and known.status.rank >= status.rank:
            status = known.status
        found[key] = Known(status, str(fields["message_id"]), sent_at, email_type)
    return found


def _status(fields: Mapping[str, Any]) -> Status | None:
    """What a line says of a notification that SES accepted; None if it is about none."""
    if not all(fields.get(name) for name in ("order_key", "notification", "message_id")):
        return None
    if fields.get("message") == "email" and fields.get("outcome") == "accepted":
        return Status.SENT
    if fields.get("message") != "event":
        return None
    # Whatever else an event says, it shows that SES has the message; an older release did not log the rest.
    said = fields.get("event_status")
    return Status(str(said)) if said in {s for s in Status if s.is_accepted} else Status.SENT
