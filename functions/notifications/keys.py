"""Keys of the ledger, derived from what the order system calls things.

Keys are hashes, so that they can travel in SES message tags (which allow few characters and appear in
metrics and events) and in logs without telling which order, or whose, they belong to.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from dataclasses import dataclass

ORDER_KEY_LENGTH = 32
"""128 bits of SHA-256 in hex: a collision among a billion orders has a probability below 1e-20."""

IDENTITY_LENGTH = 16
"""64 bits, told apart only among the notifications of one type of one order."""


_ORDER_KEY = re.compile(rf"[0-9a-f]{{{ORDER_KEY_LENGTH}}}")
_NOTIFICATION = re.compile(rf"[a-z][a-z0-9_]{{0,49}}(-[0-9a-f]{{{IDENTITY_LENGTH}}})?")


@dataclass(frozen=True)
class NotificationKey:
    """What is sent at most once: one type of email for one identity. Primary key of its ledger item."""

    order_key: str
    notification: str

    @property
    def open_shard(self) -> str:
        """Part of the index of open attempts that it is in: a hex digit, evenly spread."""
        return self.order_key[0]

    @property
    def is_well_formed(self) -> bool:
        """Whether `notification_key` can have made it; no key of the system's own items is such a one."""
        return bool(_ORDER_KEY.fullmatch(self.order_key) and _NOTIFICATION.fullmatch(self.notification))

    def __str__(self) -> str:
        return f"{self.order_key}/{self.notification}"


def order_key(order_id: str) -> str:
    """Partition key under which everything about one order is found."""
    return _digest(f"order\0{order_id}", ORDER_KEY_LENGTH)


def notification_key(
    email_type: str, order_id: str, rest_of_identity: tuple[str, ...] = (), resend_id: str | None = None
) -> NotificationKey:
    """Key of a notification.

    Parameters
    ----------
    rest_of_identity
        Values of the identity fields other than the order id, in the order in which the type lists them
        (a shipping update has its shipment id).
    resend_id
        Tells a deliberate resend from the notification that it repeats.
    """
    if not rest_of_identity and resend_id is None:
        return NotificationKey(order_key(order_id), email_type)
    parts = {"identity": rest_of_identity, "resend": resend_id}
    return NotificationKey(order_key(order_id), f"{email_type}-{_digest(json.dumps(parts), IDENTITY_LENGTH)}")


def recipient_key(address: str, hash_key: str) -> str:
    """Keyed hash by which the records of one address are found, and which tells nothing without the key.

    The domain part of an address is not case-sensitive and hardly any mailbox is (RFC 5321, 2.4), so that
    case is folded.
    """
    return hmac.new(hash_key.encode(), address.casefold().encode(), hashlib.sha256).hexdigest()[
        :ORDER_KEY_LENGTH
    ]


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]
