"""Keys of the ledger."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from notifications.keys import notification_key, order_key, recipient_key

TAG_VALUE = re.compile(r"[A-Za-z0-9_-]{1,256}")
"""What SES allows as the value of a message tag (API reference, MessageTag)."""

texts = st.text(max_size=200)


@given(order_id=texts, rest=st.lists(texts, max_size=3), resend=st.none() | texts)
def test_keys_may_travel_in_message_tags(order_id: str, rest: list[str], resend: str | None) -> None:
    key = notification_key("order_confirmation", order_id, tuple(rest), resend)
    assert TAG_VALUE.fullmatch(key.order_key)
    assert TAG_VALUE.fullmatch(key.notification)


@given(
    one=st.tuples(texts, st.lists(texts, max_size=3), st.none() | texts),
    other=st.tuples(texts, st.lists(texts, max_size=3), st.none() | texts),
)
def test_different_identities_have_different_keys(
    one: tuple[str, list[str], str | None], other: tuple[str, list[str], str | None]
) -> None:
    keys = [notification_key("t", order_id, tuple(rest), resend) for order_id, rest, resend in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)


def test_all_notifications_of_an_order_share_its_key() -> None:
    assert notification_key("shipping_update", "A-1", ("S-1",)).order_key == order_key("A-1")


def test_recipient_is_found_whatever_the_case_and_only_with_the_key() -> None:
    assert recipient_key("Ada@Example.com", "k") == recipient_key("ada@example.com", "k")
    assert recipient_key("ada@example.com", "k") != recipient_key("ada@example.com", "other")
