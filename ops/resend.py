"""Sending an order's email once more on purpose: may it be, and by which event.

The ledger does not hold what an order says, so the operator hands the order event over again; its
fingerprint shows that it is the one. The resend's id is made of the original, the address and the reason: the
same command once more is the same resend, whatever became of the first run. The original's record names its
latest resend, noted before that is published: of two operators at the same moment only one gets through.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from notifications.audit import Decision, audit_item
from notifications.email_types import EmailTypes
from notifications.keys import NotificationKey, notification_key
from notifications.ledger import Status
from notifications.ledger_table import CONTENTION_LIMIT
from notifications.order_event import InvalidOrderEventError, Notification, parse
from notifications.overdue import OUTCOME_LIFE
from notifications.times import iso
from ops.errors import InputError, RefusedError
from ops.publishing import OrderEvent

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

RESEND_ID_LENGTH = 32
"""128 bits of SHA-256 in hex, among the resends of one notification."""

SOON = timedelta(days=1)
"""A resend so soon after the last one is more likely a colleague's same idea than a second need."""


@dataclass(frozen=True)
class Resend:
    """One email once more.

    Parameters
    ----------
    original
        Record of the notification that it repeats.
    earlier
        Records of its resends so far.
    key
        Under which the ledger will have it.
    recipient
        The address to which it goes.
    event
        What is to be published.
    """

    original: Mapping[str, Any]
    earlier: Sequence[Mapping[str, Any]]
    key: NotificationKey
    recipient: str
    event: OrderEvent

    @property
    def original_key(self) -> NotificationKey:
        """Key of the notification that it repeats."""
        return NotificationKey(self.original["order_key"], self.original["notification"])

    @property
    def done_before(self) -> Mapping[str, Any] | None:
        """The record of this very resend, if it was asked for before."""
        return next((one for one in self.earlier if one["notification"] == self.key.notification), None)

    def check(self, now: datetime, *, again: bool = False) -> None:
        """May it be sent?

        Parameters
        ----------
        again
            It is one more on purpose, after the latest resend.

        Raises
        ------
        RefusedError
            The email, or one of its resends, may yet arrive; or it was resent within a day.
        """
        if not again:
            self._check_latest(now)
        for record in (self.original, *self.earlier):
            status, resent = Status(record["status"]), record.get("resend_of") is not None
            if status.is_unsent or (status.awaits_outcome and not _is_overdue(record, now)):
                raise RefusedError(
                    f"The {'last resend' if resent else 'email'} is {status}: it may yet arrive.",
                    f"Wait until it has ended: `notify find {record['order_id']}`.",
                )

    def _check_latest(self, now: datetime) -> None:
        latest = self.original.get("resent_as")
        if latest in (None, self.key.notification):
            return
        is_recorded = any(one["notification"] == latest for one in self.earlier)
        at = datetime.fromisoformat(self.original["resent_at"])
        if is_recorded and now - at > SOON:
            return
        raise RefusedError(
            f"{self.original['resent_by']} has resent it at {self.original['resent_at']}"
            f"{'' if is_recorded else ': that email is not sent yet'}.",
            f"See `notify find {self.original['order_id']}`. One more on purpose: --again.",
        )


def note(client: DynamoDBClient, table_name: str, planned: Resend, decision: Decision) -> None:
    """Note the resend in the original's record and in the audit trail: both are written, or neither.

    Publish it only then. A command that is killed in between leaves a resend that only the same command goes
    on with.

    Raises
    ------
    RefusedError
        Somebody else was quicker, or the record has changed since it was read.
    """
    original = planned.original
    key = {name: {"S": original[name]} for name in ("order_key", "notification")}
    values = {
        ":now": planned.key.notification,
        ":at": iso(decision.at),
        ":by": decision.by,
        ":status": original["status"],
    }
    unchanged = "attribute_not_exists(resent_as)"
    if before := original.get("resent_as"):
        unchanged = "resent_as = :before"
        values[":before"] = before
    update: Any = {
        "TableName": table_name,
        "Key": key,
        "UpdateExpression": "SET resent_as = :now, resent_at = :at, resent_by = :by",
        "ConditionExpression": f"#status = :status AND {unchanged}",
        "ExpressionAttributeNames": {"#status": "status"},
        "ExpressionAttributeValues": {name: {"S": value} for name, value in values.items()},
    }
    audit = audit_item("resend", decision, record=str(planned.original_key), resend=planned.key.notification)
    for _ in range(CONTENTION_LIMIT):
        try:
            client.transact_write_items(
                TransactItems=[{"Update": update}, {"Put": {"TableName": table_name, "Item": audit}}]
            )
        except client.exceptions.TransactionCanceledException as error:
            # Whoever wrote at the same moment may have won or lost: the condition tells on the next try.
            reasons: Any = error.response.get("CancellationReasons", [])
            if not any(reason.get("Code") == "TransactionConflict" for reason in reasons):
                raise _overtaken(client, table_name, key, original) from error
        else:
            return
    raise _overtaken(client, table_name, key, original)


def _overtaken(
    client: DynamoDBClient, table_name: str, key: Any, original: Mapping[str, Any]
) -> RefusedError:
    item = client.get_item(TableName=table_name, Key=key, ConsistentRead=True).get("Item", {})
    look = f"Look at it with `notify find {original['order_id']}`, then decide again."
    if item.get("resent_as", {}).get("S") != original.get("resent_as"):
        return RefusedError(f"{item['resent_by']['S']} has resent it at {item['resent_at']['S']}.", look)
    return RefusedError("Its record has just changed.", look)


def read(content: str, now: datetime, order_id: str) -> Notification:
    """Read the order event that the operator hands over; a `resend` in it is left out.

    Raises
    ------
    InputError
        It is no good order event, or one of another order.
    """
    try:
        given = parse(content, now, EmailTypes())
    except InvalidOrderEventError as error:
        raise InputError(
            f"The order event is not good: {error}.", "Hand over the one that was published."
        ) from None
    if given.order_id != order_id:
        raise InputError(
            f"The order event is of order {given.order_id}, not {order_id}.",
            "Hand over the order's own event.",
        )
    return replace(
        given, data={name: part for name, part in given.data.items() if name != "resend"}, resend_id=None
    )


def plan(
    given: Notification,
    records: Sequence[Mapping[str, Any]],
    to: str | None,
    address_key: str,
    reason: str,
    now: datetime,
) -> Resend:
    """Work out the resend.

    Parameters
    ----------
    given
        The order event.
    records
        All that the ledger has of the order.
    to
        Another address; None means the one that the first email went to.
    address_key
        Keyed hash of the address to which it goes.

    Raises
    ------
    RefusedError
        There is no record of the first email, or it said something else.
    """
    key = _key(given, None)
    original = next((one for one in records if one["notification"] == key.notification), None)
    if original is None:
        raise RefusedError(
            f"There is no record of a {given.type} of order {given.order_id}.",
            "What was never sent needs no resend: `notify publish`, or `notify dlq list` if it was refused.",
        )
    sent_to = original.get("recipient", given.recipient)
    # A record that only a log told of, when the ledger was restored, has neither address nor fingerprint.
    if original["fingerprint"] not in ("", _addressed(given, sent_to).fingerprint):
        raise RefusedError(
            "The order event says something else than the email that was sent.",
            "Hand over the event as it was published then; only its address may differ.",
        )
    recipient = to or sent_to
    id_ = resend_id(original, address_key, reason)
    body = _addressed(given, recipient).data | {"resend": {"id": id_, "requested_at": iso(now)}}
    return Resend(
        original,
        [one for one in records if one.get("resend_of") == key.notification],
        _key(given, id_),
        recipient,
        OrderEvent(json.dumps(body), given.order_id, given.type),
    )


def recipient_of(given: Notification, records: Sequence[Mapping[str, Any]], to: str | None) -> str:
    """The address to which it would go.

    Raises
    ------
    InputError
        The event has another address than the record, and it is not said which one is meant.
    """
    key = _key(given, None)
    recorded = next(
        (one.get("recipient") for one in records if one["notification"] == key.notification), None
    )
    if to is None and recorded not in (None, given.recipient):
        raise InputError(
            "The order event has another address than the email that was sent.",
            "Say to which address it is to go: --to ADDRESS.",
        )
    return to or given.recipient


def resend_id(original: Mapping[str, Any], address_key: str, reason: str) -> str:
    """Id of the resend: the same for the same email, address and reason."""
    attempt = str(original["attempt"])
    parts = (original["order_key"], original["notification"], attempt, address_key, reason.strip())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:RESEND_ID_LENGTH]


def _is_overdue(record: Mapping[str, Any], now: datetime) -> bool:
    since = datetime.fromisoformat(record.get("sent_at") or record["updated_at"])
    return now - since > OUTCOME_LIFE


def _addressed(given: Notification, address: str) -> Notification:
    customer = given.data["customer"] | {"email": address}
    return replace(given, recipient=address, data=given.data | {"customer": customer})


def _key(given: Notification, id_: str | None) -> NotificationKey:
    _, *rest_of_identity = given.identity.values()
    return notification_key(given.type, given.order_id, tuple(rest_of_identity), id_)
