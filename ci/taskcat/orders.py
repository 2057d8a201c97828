"""The orders that go through each region, and what is expected of each."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from ops.orders import EMAIL_TYPE, Order, body


@dataclass(frozen=True)
class Orders:
    """The orders of one region. Each mailbox is one of SES's simulator, which works in the sandbox, too."""

    delivered: Order
    bounced: Order
    repeated: Order
    malformed: Order

    @property
    def all(self) -> tuple[Order, ...]:
        """All of them."""
        return (self.delivered, self.bounced, self.repeated, self.malformed)

    @property
    def sent(self) -> tuple[Order, ...]:
        """Those that become an email."""
        return tuple(order for order in self.all if order.expected)


def make_orders(region: str) -> Orders:
    """Make the orders of a region; their ids are unlike those of any other run or region."""
    run = secrets.token_hex(3)
    return Orders(
        delivered=_order(f"{region}-{run}-delivered", "success", "DELIVERED"),
        bounced=_order(f"{region}-{run}-bounced", "bounce", "BOUNCED"),
        repeated=_order(f"{region}-{run}-repeated", "success", "DELIVERED", copies=2),
        malformed=_order(f"{region}-{run}-malformed", "success", None, items=[]),
    )


def _order(order_id: str, mailbox: str, expected: str | None, copies: int = 1, **changes: object) -> Order:
    customer = {"email": f"{mailbox}+{order_id}@simulator.amazonses.com"}
    event = body(order_id, datetime.now(UTC), customer, **changes)
    return Order(order_id, event, expected, copies, EMAIL_TYPE)
