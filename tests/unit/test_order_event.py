"""What is an order event, what is refused, and in which words."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.email_types import EmailTypes
from notifications.order_event import MAXIMUM_BODY_BYTES, InvalidOrderEventError, Notification, parse

TYPES = EmailTypes()
NOW = datetime(2026, 11, 24, 6, 0, 30, tzinfo=UTC)
CANARY = "canary-7f3a"
REMOVED = object()

# Every path to a value of the sample event, as keys and indexes.
LEAVES = [
    ("type",),
    ("order_id",),
    ("customer", "email"),
    ("customer", "name"),
    ("items", 0, "sku"),
    ("items", 1, "name"),
    ("items", 1, "quantity"),
    ("items", 0, "unit_price"),
    ("total", "amount"),
    ("total", "currency"),
    ("ordered_at",),
    ("tracking", "carrier"),
    ("tracking", "number"),
    ("tracking", "url"),
]
PATHS = [*LEAVES, ("customer",), ("items",), ("items", 1), ("total",), ("tracking",)]


def written(path):
    return "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path).removeprefix(".")


def changed(path, value):
    """Return the sample event with the value at `path` replaced, or removed."""
    event = TYPES.get("order_confirmation").sample
    *parents, last = path
    node = event
    for key in parents:
        node = node[key]
    if value is REMOVED:
        del node[last]
    else:
        node[last] = value
    return event


def parsed(event) -> Notification:
    return parse(event if isinstance(event, str) else json.dumps(event), NOW, TYPES)


def refused(event) -> InvalidOrderEventError:
    with pytest.raises(InvalidOrderEventError) as caught:
        parsed(event)
    return caught.value


def test_event_becomes_a_notification_when_it_is_well_formed():
    event = TYPES.get("order_confirmation").sample
    notification = parsed(event)
    assert notification.type == "order_confirmation"
    assert notification.order_id == "A-1001"
    assert notification.identity == {"order_id": "A-1001"}
    assert notification.recipient == "ada@example.com"
    assert notification.occurred_at == datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
    assert notification.data == event


def test_unknown_fields_are_ignored_at_every_depth():
    event = changed(("unknown_field",), [1])
    event["customer"]["loyalty"] = {"tier": "gold", "points": 1.5}
    event["items"][0]["color"] = None
    assert parsed(event) == parsed(TYPES.get("order_confirmation").sample)
    assert "loyalty" not in parsed(event).data["customer"]
    assert "color" not in parsed(event).data["items"][0]


def test_tracking_is_optional():
    assert "tracking" not in parsed(changed(("tracking",), REMOVED)).data


def test_fingerprint_is_equal_when_only_order_of_fields_or_unknown_fields_differ():
    event = TYPES.get("order_confirmation").sample
    reordered = dict(reversed(event.items()))
    notification = parsed(event)
    assert notification.fingerprint == parsed({**reordered, "extra": 1}).fingerprint
    assert notification.fingerprint == replace(notification, data=reordered).fingerprint


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("customer", "email"), "bob@example.com"),
        (("items", 0, "quantity"), 3),
        (("total", "amount"), "88.81"),
        (("tracking",), REMOVED),
    ],
)
def test_fingerprint_differs_when_content_differs(path, value):
    assert (
        parsed(changed(path, value)).fingerprint != parsed(TYPES.get("order_confirmation").sample).fingerprint
    )


@pytest.mark.parametrize("path", [path for path in PATHS if path not in {("tracking",), ("items", 1)}])
def test_field_is_named_when_it_is_missing(path):
    error = refused(changed(path, REMOVED))
    assert (error.field, error.reason) == (written(path), "is missing")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("value", [None, True, 9.95, 0, "", "\n", [], {}])
def test_field_is_named_when_its_value_is_of_the_wrong_kind(path, value):
    error = refused(changed(path, value))
    assert error.field.startswith(written(path))
    assert error.reason.startswith(("must be ", "is missing"))


BAD_VALUES: dict[tuple[str | int, ...], list[Any]] = {
    ("order_id",): [
        "~feedback", " A-1", "A-1 ", "-1", "A\n1", "A-1\n", "A\x001", "Ä-1", "A" * 129, 1001,
    ],
    ("customer", "email"): [
        "ada@example.com\n", "\nada@example.com", "ada@example.com\r\nBcc: eve@example.com",
        "Ada <ada@example.com>",
        "ada@example.com, eve@example.com", "ada@example.com;eve@example.com", "ada", "ada@", "@example.com",
        "ada@localhost", "ada@@example.com", "ada@exa mple.com", "ada @example.com", "ada@example.com ",
        "ada@-example.com", "ada@example-.com", "ada@example..com", "ada@example.com.", ".ada@example.com",
        "ada.@example.com", "a..da@example.com", '"ada"@example.com', "ada@[192.0.2.1]", "ada@192.0.2.1",
        "adä@example.com", "ada@exämple.com", "ada\x00@example.com", "ada(comment)@example.com",
        "a" * 65 + "@example.com", "ada@" + "a" * 64 + ".com", "a@" + "abcdefg." * 32 + "com",
        "a" * 64 + "@" + "a." * 126 + "info",
    ],
    ("customer", "name"): [
        " ", "Ada\nLovelace", "Ada\r", "Ada\n", "Ada\tLovelace", "Ada\x00", "Ada\x7f", "Ada\x85", "Ada\u2028",
        "Ada\ud800", "A" * 101, "Win a prize at https://example.com", "WWW.example.com",
    ],
    ("items",): [{"0": {}}, [1], "TEA-1"],
    ("items", 0, "sku"): [" ", "S" * 65, "TEA\n1"],
    ("items", 1, "name"): ["\u00a0", "T" * 301, "Tea\n* Free gift", "Tea\udfff"],
    ("items", 1, "quantity"): [0, -1, 1.5, 2.0, "2", 100_001, 10**30, True],
    ("items", 0, "unit_price"): [
        9.95, 9, "-9.95", "+9.95", "9,95", "1e3", ".5", "9.", "09.95", "9.95\n", " 9.95", "NaN", "Infinity",
        "9.12345", "1" * 13, "٩", "$9.95",
    ],
    ("total", "amount"): ["-0.01", "free", "88.80 USD"],
    ("total", "currency"): ["usd", "US", "USDT", "US$", "USD\n", "ÜSD"],
    ("ordered_at",): [
        "2026-11-24", "2026-11-24T06:00:00", "2026-11-24 06:00:00Z", "2026-11-24T06:00Z", "24.11.2026 06:00",
        "2026-11-24T06:00:00Z\n", "2026-W48-2T06:00:00Z", "20261124T060000Z", "٢026-11-24T06:00:00Z",
        1795500000,
        "2026-13-24T06:00:00Z", "2026-02-30T06:00:00Z", "2026-11-24T25:00:00Z", "2026-11-24T06:00:60Z",
        "2026-11-24T06:00:00+24:00", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
    ],
    ("tracking", "carrier"): ["", "U" * 65, "UPS\n"],
    ("tracking", "number"): [1, "\x1b[31m"],
    ("tracking", "url"): [
        "http://example.com/", "javascript:alert(1)", "HTTPS://example.com", "https://", "https://localhost/",
        "https://user@example.com/", "https://example.com@evil.example/", "https://example.com\\@evil.example/",
        'https://example.com/"onclick="', "https://example.com/<b>", "https://example.com/a b",
        "https://example.com/\n", "https://example.com/ü", " https://example.com/", "//example.com",
        "https://example.com/" + "a" * 2048,
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value"), [(path, value) for path, values in BAD_VALUES.items() for value in values]
)
def test_field_is_named_when_its_value_is_bad(path, value):
    error = refused(changed(path, value))
    assert error.field.startswith(written(path))
    assert error.reason.startswith("must be ")
    assert error.email_type == "order_confirmation"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("order_id",), "7"),
        (("order_id",), "2026/11 #4711"),
        (("customer", "email"), "o'hara+tea_1@mail.example.co.uk"),
        (("customer", "email"), "a@xn--bcher-kva.example"),
        (("customer", "email"), "a" * 64 + "@" + "abcdefg." * 31 + "example"),
        (("customer", "name"), "Zoë O'Brien-łucja 山田 🎉 العربي"),
        (("items", 1, "name"), "<b>5 & 6</b> {{ 7 }} https://example.com"),
        (("items", 1, "quantity"), 100_000),
        (("items", 0, "unit_price"), "0"),
        (("items", 0, "unit_price"), "999999999999.9999"),
        (("ordered_at",), "2026-11-24T01:00:00.123456789-05:00"),
        (("tracking", "url"), "https://track.example.com:8443?a=1&b=%20;c#x"),
    ],
)
def test_unusual_value_is_accepted_when_it_is_within_the_contract(path, value):
    data = parsed(changed(path, value)).data
    for key in path:
        data = data[key]
    assert data == value


def test_items_are_refused_when_there_are_more_than_500():
    item = {"sku": "S", "name": "N", "quantity": 1, "unit_price": "1"}
    assert len(parsed(changed(("items",), [item] * 500)).data["items"]) == 500
    assert refused(changed(("items",), [item] * 501)).field == "items"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "is not valid JSON at line 1, column 1"),
        ("not JSON", "is not valid JSON at line 1, column 1"),
        ('{"type": "order_confirmation",\n}', "is not valid JSON at line"),
        ("[]", "must be a JSON object"),
        ("null", "must be a JSON object"),
        ('"order_confirmation"', "must be a JSON object"),
        ('{"a": NaN}', "is not valid JSON: NaN and Infinity are not numbers"),
        ('{"a": -Infinity}', "is not valid JSON: NaN and Infinity are not numbers"),
        ("[" * 60_000, "is nested too deeply"),
        ('{"a":' * 20_000 + "1" + "}" * 20_000, "is nested too deeply"),
        ('{"a": ' + "9" * 5_000 + "}", "has a number of more digits than can be read"),
        ('{"a": 1e9999999999999999999}', "has a number of more digits than can be read"),
        ('{"type": "a", "type": "b"}', "has an object that names a field twice"),
        ('{"customer": {"email": "a", "email": "b"}}', "has an object that names a field twice"),
    ],
)
def test_body_is_refused_as_a_whole_when_it_cannot_be_read(body, reason):
    error = refused(body)
    assert error.field == "(body)"
    assert error.reason.startswith(reason)
    assert error.email_type == "unknown"


def test_body_is_refused_when_it_is_larger_than_the_limit_in_bytes():
    event = changed(("unknown_field",), "")
    padding = "é" * ((MAXIMUM_BODY_BYTES - len(json.dumps(event))) // 2)
    largest = json.dumps(changed(("unknown_field",), padding), ensure_ascii=False)
    assert parsed(largest).order_id == "A-1001"
    error = refused(largest.replace(padding, padding + "éé"))
    assert error.field == "(body)"
    assert str(MAXIMUM_BODY_BYTES) in error.reason


@pytest.mark.parametrize(
    ("name", "email_type"),
    [
        ("order_shipped", "order_shipped"),
        ("_layout", "unknown"),
        ("../order_confirmation", "unknown"),
        ("Order Confirmation", "unknown"),
        ("order_confirmation\n", "unknown"),
        ("a" * 51, "unknown"),
        ("", "unknown"),
        (None, "unknown"),
        (["order_confirmation"], "unknown"),
    ],
)
def test_type_is_refused_and_reported_only_if_it_could_be_one_when_there_is_none_of_that_name(
    name, email_type
):
    error = refused(changed(("type",), name))
    assert (error.field, error.email_type) == ("type", email_type)


def test_time_is_refused_when_it_is_more_than_five_minutes_ahead():
    five_minutes_ahead = NOW + timedelta(minutes=5)
    accepted = parsed(changed(("ordered_at",), five_minutes_ahead.isoformat()))
    assert accepted.occurred_at == five_minutes_ahead
    error = refused(changed(("ordered_at",), (five_minutes_ahead + timedelta(seconds=1)).isoformat()))
    assert (error.field, error.reason) == ("ordered_at", "must not be more than 5 minutes in the future")


def test_time_is_accepted_when_it_is_old_because_age_is_judged_elsewhere():
    assert parsed(changed(("ordered_at",), "1999-12-31T23:59:59Z")).occurred_at.year == 1999


def test_time_is_converted_to_utc_when_it_has_another_offset():
    occurred_at = parsed(changed(("ordered_at",), "2026-11-24T07:00:00+01:00")).occurred_at
    assert occurred_at.isoformat() == "2026-11-24T06:00:00+00:00"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=5,
)


@given(path=st.sampled_from(PATHS), value=JSON_VALUES)
def test_event_is_parsed_or_refused_whatever_stands_in_a_field(path, value):
    event = changed(path, value)
    try:
        assert parsed(event).recipient == event["customer"]["email"]
    except InvalidOrderEventError as error:
        refusal = error
    else:
        return
    assert refusal.field.startswith(written(path))


@given(body=st.text() | JSON_VALUES.map(json.dumps))
def test_body_is_refused_whatever_it_is_when_it_is_no_order_event(body):
    assert refused(body).email_type == "unknown" or '"type"' in body


@given(
    path=st.sampled_from(LEAVES),
    poison=st.sampled_from(["\n{}", "{}\x00", "{}" * 200]),
    wrap=st.sampled_from([lambda text: text, lambda text: [text], lambda text: {text: text}]),
)
def test_error_never_contains_the_value_of_a_field(path, poison, wrap):
    event = changed(path, wrap(poison.replace("{}", CANARY)))
    event[CANARY] = CANARY
    error = refused(event)
    assert CANARY not in f"{error} {error!r} {error.field} {error.reason} {error.email_type}"
    assert error.__cause__ is None
    assert error.__suppress_context__ or error.__context__ is None


@given(text=st.text(min_size=1))
def test_error_never_contains_the_body_when_it_is_not_json(text):
    assert CANARY not in str(refused(f"{CANARY}{text}"))


@given(address=st.text() | st.emails() | st.from_regex(r"[\x00-\x7f]{1,40}@[a-z.\r\n]{1,20}", fullmatch=True))
def test_recipient_is_one_printable_ascii_address_when_it_is_accepted(address):
    try:
        recipient = parsed(changed(("customer", "email"), address)).recipient
    except InvalidOrderEventError:
        return
    assert recipient.isascii()
    assert recipient.isprintable()
    assert recipient.count("@") == 1
    assert not set(recipient) & set(' ,;:<>()[]\\"')
