"""Orders that were received before a restore and of which no record is left: each may have been sent.

Lambda promises no log line, and a process that dies writes none. Such an order would be sent when its message
comes again; now it waits for a person, or for an event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from notifications.ledger import Status
from notifications.sending import UNDECIDED_FIELD, key_of, record_attributes
from notifications.settings import SendSettings
from notifications.times import epoch_ms
from ops.dead_letters.judging import OrderReader
from ops.dead_letters.messages import RECEIVED_TOO_OFTEN, Message
from ops.restore.rules import Known, as_record


def may_have_been_sent(message: Message, held_at: datetime, *, is_dead: bool) -> bool:
    """Whether a worker may have made an attempt for it whose record is lost.

    Parameters
    ----------
    held_at
        Since when sending is on hold: who has received it since then is no worker, or has left a record.
    is_dead
        Whether it is a dead letter; else it is in the send queue.
    """
    if is_dead:
        return message.reason == RECEIVED_TOO_OFTEN or message.text("error_field") == UNDECIDED_FIELD
    return message.first_received_at is not None and message.first_received_at < held_at


def records(messages: Iterable[Message], settings: SendSettings, now: datetime) -> Iterator[dict[str, Any]]:
    """Records of attempts in doubt, as plain values, for those of these messages that have none."""
    orders = OrderReader()
    for message in messages:
        notification = orders.read(message.body, now).notification
        if notification is None:
            continue
        key = key_of(notification, notification.resend_id)
        received_at = message.first_received_at or message.waiting_since
        expires_at = now + timedelta(days=settings.record_retention_days)
        attributes = record_attributes(
            notification, message.correlation_id, settings.recipient_hash_key, expires_at
        )
        known = Known(Status.SENDING, 0, "", epoch_ms(received_at))
        record = as_record(key, known, now, expires_at)
        yield record | attributes | {"fingerprint": notification.fingerprint}
