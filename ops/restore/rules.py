"""What a restore writes into the ledger. Pure: no AWS, no clock.

A backup tells how things stood at its moment; what happened since then, the functions' logs tell. Neither
ever takes anything back: a record that is there is only moved up, by the ledger's own rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from notifications.audit import AUDIT_ORDER_KEY
from notifications.keys import NotificationKey
from notifications.ledger import (
    OF_ONE_ATTEMPT,
    Changes,
    Decide,
    EventRecorded,
    EventRepeated,
    Guard,
    Orphan,
    Record,
    SesEvent,
    Status,
    Value,
    Verdict,
    Write,
)
from notifications.times import epoch_ms, iso
from ops.function_logs import fields_of

Item = Mapping[str, Any]
"""In DynamoDB's notation."""

IN_DOUBT = ("unknown", "undecided")
"""Outcomes of `notifications.sending` that tell of an attempt of which nobody knew then what became of it."""

RESTORED_TOKEN = "restored"  # noqa: S105
"""Of attempts that a restore has brought back: no worker has it."""

KEPT = (AUDIT_ORDER_KEY, "~discarded")
"""The system's own items that come back."""


@dataclass(frozen=True)
class Known:
    """What a backup or a log shows of a notification.

    Parameters
    ----------
    status
        SENDING if nobody knows whether SES has taken the latest attempt; else one that SES has accepted.
    attempt
        The latest that is known of; 0 if it is not known which.
    message_id
        Empty if it is not known, as after `notify settle --sent`.
    at_ms
        When the attempt was made, as far as that is known, epoch milliseconds.
    has_event
        Whether an event of the latest attempt has come.
    """

    status: Status
    attempt: int
    message_id: str
    at_ms: int
    email_type: str = ""
    has_event: bool = False

    @property
    def at(self) -> str:
        """When the attempt was made."""
        return iso(datetime.fromtimestamp(self.at_ms / 1000, UTC))


def key_of(item: Item) -> NotificationKey:
    """Key of an item."""
    return NotificationKey(item["order_key"]["S"], item["notification"]["S"])


def to_insert(item: Item, now: datetime, *, logs_tell: bool) -> dict[str, Any] | None:
    """What to put where the ledger has nothing; None if the item is to stay away.

    Expired items do, and the system's own: whether sending is on hold, and of what time events have come, is
    to be learnt anew. The audit trail comes back, and which events were discarded.

    An attempt that was under way is in doubt, whatever was known of it: its answer, the looks at the evidence
    and a person's decision are of before, and what followed from them may have been lost.

    Parameters
    ----------
    logs_tell
        Whether the logs tell what happened since. If not, what waited to be sent may have been, too.
    """
    if _is_system(item):
        return dict(item) if item["order_key"]["S"] in KEPT and not _is_expired(item, now) else None
    if _is_expired(item, now):
        return None
    status = Status(item["status"]["S"])
    if status is Status.SENDING or (status is Status.READY and not logs_tell):
        kept = {name: value for name, value in item.items() if name not in OF_ONE_ATTEMPT}
        send_by_ms = min(int(item["send_by_ms"]["N"]), epoch_ms(now))
        claimed_at_ms = int(item["claimed_at_ms"]["N"]) if "claimed_at_ms" in item else send_by_ms
        return {
            **kept,
            "status": {"S": Status.SENDING.value},
            "send_by_ms": {"N": str(send_by_ms)},
            "open_shard": {"S": key_of(item).open_shard},
            "claimed_at_ms": {"N": str(claimed_at_ms)},
        }
    return dict(item)


def known_of(item: Item) -> Known | None:
    """What a restored item shows of SES having accepted the email; None if it shows nothing."""
    if _is_system(item) or not (status := Status(item["status"]["S"])).is_accepted:
        return None
    sent_at = datetime.fromisoformat(item["sent_at"]["S"])
    return Known(
        status,
        int(item["attempt"]["N"]),
        item.get("message_id", {"S": ""})["S"],
        epoch_ms(sent_at),
        has_event="open_shard" not in item,
    )


def moves_up(live: Mapping[str, Any], known: Known) -> bool:
    """Whether a record of the ledger, as plain values, is behind what is known.

    Raises
    ------
    ValueError
        The record is damaged: it has no status, or none that exists.
    """
    return _is_behind(Status(str(live.get("status"))), int(live.get("attempt", 0)), known)


def restoring(key: NotificationKey, known: Known, now: datetime) -> Decide:
    """The rule by which a record that is behind is moved up to what is known."""

    def decide(record: Record | None) -> Write | Verdict:
        if record is None:
            return Orphan()
        if not _is_behind(record.status, record.attempt, known):
            return EventRepeated()
        if known.status is Status.SENDING:
            attempt = known.attempt or record.attempt + 1
            guard = Guard(statuses=frozenset({record.status}), attempt=record.attempt, token=record.token)
            changes = Changes(
                _in_doubt(key, known, attempt) | {"updated_at": iso(now)}, removed=OF_ONE_ATTEMPT
            )
            return Write(guard, changes, EventRecorded(Status.SENDING))
        step = _as_event(replace(known, message_id=known.message_id or record.message_id), now).decide(record)
        if not isinstance(step, Write):
            return step
        attributes = dict(step.changes.attributes)
        if attributes.get("message_id") == "":
            del attributes["message_id"]
        attributes["attempt"] = max(known.attempt, record.attempt)
        if known.has_event:
            return replace(step, changes=replace(step.changes, attributes=attributes))
        attributes |= _open(key, known)
        return replace(step, changes=replace(step.changes, attributes=attributes, removed=()))

    return decide


def as_record(key: NotificationKey, known: Known, now: datetime, expires_at: datetime) -> dict[str, Any]:
    """A record, as plain values, of an email of which no backup tells.

    Whoever claims it finds it sent, or in doubt. It has no address and no fingerprint, since no log has any.
    """
    at = iso(now)
    record: dict[str, Any] = {
        "order_key": key.order_key,
        "notification": key.notification,
        "type": known.email_type or key.notification.partition("-")[0],
        "status": known.status.value,
        "attempt": known.attempt or 1,
        "token": RESTORED_TOKEN,
        "send_by_ms": known.at_ms,
        "fingerprint": "",
        "created_at": known.at,
        "updated_at": at,
        "resends": 0,
        "history": {},
        "expires_at": int(expires_at.timestamp()),
    }
    if known.status is not Status.SENDING:
        event = _as_event(known, now)
        record |= {
            "message_id": known.message_id,
            "sent_at": known.at,
            "history": {event.id: dict(event.entry)},
        }
    return record if known.has_event else record | _open(key, known)


def _is_system(item: Item) -> bool:
    return bool(item["order_key"]["S"].startswith("~"))


def _is_expired(item: Item, now: datetime) -> bool:
    return "expires_at" in item and int(item["expires_at"]["N"]) <= now.timestamp()


def _is_behind(status: Status, attempt: int, known: Known) -> bool:
    if known.status is Status.SENDING:
        is_over = status in (Status.READY, Status.FAILED)
        return is_over and (known.attempt == 0 or known.attempt > attempt)
    return status.rank < known.status.rank


def _open(key: NotificationKey, known: Known) -> dict[str, Value]:
    """The entry of an attempt without an event in the index of open attempts."""
    return {"open_shard": key.open_shard, "claimed_at_ms": known.at_ms}


def _in_doubt(key: NotificationKey, known: Known, attempt: int) -> dict[str, Value]:
    return {
        "status": Status.SENDING,
        "attempt": attempt,
        "token": RESTORED_TOKEN,
        "send_by_ms": known.at_ms,
        **_open(key, known),
    }


def _as_event(known: Known, now: datetime) -> SesEvent:
    """What is known, as an event of SES: the ledger's rules then decide what it changes."""
    at = iso(now)
    entry = {"at": at, "event": "Restored", "status": known.status.value}
    return SesEvent(
        f"restored-{known.status.value}", known.attempt, known.status, known.message_id, at, known.at, entry
    )


def read_logs(lines: Iterable[tuple[int, str]]) -> dict[NotificationKey, Known]:
    """What the functions' logs tell of emails, by notification: SES has accepted them, or nobody knows.

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
        told = Known(
            status,
            int(fields.get("attempt", 0)),
            str(fields.get("message_id", "")),
            at_ms,
            str(fields.get("email_type", "")),
            has_event=fields["message"] == "event",
        )
        found[key] = _joined(found[key], told) if key in found else told
    return found


def _joined(before: Known, told: Known) -> Known:
    """What two lines tell together."""
    higher = before if before.status.rank >= told.status.rank else told
    latest = max(before.attempt, told.attempt)
    return Known(
        higher.status,
        latest,
        told.message_id or before.message_id,
        min(before.at_ms, told.at_ms),
        told.email_type or before.email_type,
        has_event=any(one.has_event and one.attempt == latest for one in (before, told)),
    )


def _status(fields: Mapping[str, Any]) -> Status | None:
    """What a line says of a notification; None if it tells nothing of an attempt's outcome."""
    if not all(fields.get(name) for name in ("order_key", "notification")):
        return None
    if fields.get("message") == "email":
        if fields.get("outcome") in IN_DOUBT:
            return Status.SENDING
        return Status.SENT if fields.get("outcome") == "accepted" and fields.get("message_id") else None
    if fields.get("message") != "event" or not fields.get("message_id"):
        return None
    # Whatever else an event says, it shows that SES has the message; an older release did not log the rest.
    said = fields.get("event_status")
    return Status(str(said)) if said in {s for s in Status if s.is_accepted} else Status.SENT
