"""From the text of an order event to a notification, or to a refusal that names the field.

The contract with the order system: a tolerant reader of unknown fields, a strict one of those it knows.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NoReturn

from fastjsonschema import JsonSchemaValueException

from notifications.email_types import EmailType, EmailTypes, UnknownEmailTypeError

MAXIMUM_BODY_BYTES = 128 * 1024
"""Room for the most items that a schema allows (500) at 256 bytes each; larger bodies are refused unread."""

CLOCK_TOLERANCE = timedelta(minutes=5)
"""How far ahead of ours the clock of an order system may be."""

UNKNOWN_TYPE = "unknown"

_BODY = "(body)"
_TYPE_NAME = re.compile(r"[a-z][a-z0-9_]{0,49}")


class InvalidOrderEventError(Exception):
    """An order event that can never become an email.

    Attributes
    ----------
    field
        Path of the field at fault, such as ``items[2].unit_price``, or ``(body)`` for the event as a whole.
    reason
        What is wrong with it, in words that hold no value of the event.
    email_type
        The type that the event names, or ``unknown`` when it names none that could be one.
    """

    def __init__(self, field: str, reason: str, email_type: str) -> None:
        super().__init__(f"{field} {reason}")
        self.field = field
        self.reason = reason
        self.email_type = email_type


@dataclass(frozen=True)
class Notification:
    """One email that an order event asks for.

    Attributes
    ----------
    type
        Name of the email type.
    identity
        The fields that name this notification among all others, ``order_id`` first.
    recipient
        Email address of the customer.
    occurred_at_field, occurred_at
        When the event happened, or the resend was asked for, in UTC, and which field says so.
    data
        The event, reduced to the fields that the schema knows.
    resend_id
        Given when the email is sent once more on purpose: a notification of its own beside the first one.
    """

    type: str
    identity: dict[str, str]
    recipient: str
    occurred_at_field: str
    occurred_at: datetime
    data: dict[str, Any]
    resend_id: str | None = None

    @property
    def order_id(self) -> str:
        """Id of the order that this notification is about."""
        return self.identity["order_id"]

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) of the content: equal for events that say the same in the known fields."""
        canonical = json.dumps(self.data, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def parse(body: str, now: datetime, types: EmailTypes) -> Notification:
    """Read an order event.

    Parameters
    ----------
    body
        The event as received: JSON.
    now
        The present (aware); an event from more than `CLOCK_TOLERANCE` after it is refused.
    types
        The email types that exist.

    Raises
    ------
    InvalidOrderEventError
        The event is malformed. Trying again cannot help; its publisher has to correct it.
    """
    event = _read(body)
    email_type = _type_of(event, types)
    try:
        email_type.validate(event)
    except JsonSchemaValueException as error:
        field, reason = _explain(error)
        raise InvalidOrderEventError(field, reason, email_type.name) from None
    occurred_at_field, moment = email_type.occurred_at, event[email_type.occurred_at]
    if "resend" in event:
        occurred_at_field, moment = "resend.requested_at", event["resend"]["requested_at"]
    return Notification(
        type=email_type.name,
        identity={field: event[field] for field in email_type.identity},
        recipient=event["customer"]["email"],
        occurred_at_field=occurred_at_field,
        occurred_at=_occurred_at(moment, now, occurred_at_field, email_type.name),
        data=_known_fields(event, email_type.schema),
        resend_id=event["resend"]["id"] if "resend" in event else None,
    )


def _read(body: str) -> dict[str, Any]:
    size_bytes = len(body.encode("utf-8", "surrogatepass"))
    if size_bytes > MAXIMUM_BODY_BYTES:
        _refuse_body(f"is {size_bytes} bytes long; at most {MAXIMUM_BODY_BYTES} are allowed")
    try:
        event = json.loads(
            body,
            object_pairs_hook=_object_without_duplicates,
            parse_constant=_refuse_constant,
            parse_float=Decimal,
        )
    except json.JSONDecodeError as error:
        _refuse_body(f"is not valid JSON at line {error.lineno}, column {error.colno}")
    except RecursionError:
        _refuse_body("is nested too deeply")
    except (ValueError, ArithmeticError):
        _refuse_body("has a number of more digits than can be read")
    if not isinstance(event, dict):
        _refuse_body("must be a JSON object")
    return event


def _refuse_body(reason: str) -> NoReturn:
    raise InvalidOrderEventError(_BODY, reason, UNKNOWN_TYPE) from None


def _refuse_constant(_name: str) -> NoReturn:
    _refuse_body("is not valid JSON: NaN and Infinity are not numbers")


def _object_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse what readers understand differently: which of two `email` fields would get the mail?"""
    result = dict(pairs)
    if len(result) != len(pairs):
        _refuse_body("has an object that names a field twice")
    return result


def _type_of(event: dict[str, Any], types: EmailTypes) -> EmailType:
    if "type" not in event:
        raise InvalidOrderEventError("type", "is missing", UNKNOWN_TYPE)
    name = event["type"]
    if not isinstance(name, str) or not _TYPE_NAME.fullmatch(name):
        raise InvalidOrderEventError(
            "type", "must be the name of an email type: lower-case letters, digits and _", UNKNOWN_TYPE
        )
    try:
        return types.get(name)
    except UnknownEmailTypeError:
        reason = f"must be one of the email types: {', '.join(types.names())}"
        raise InvalidOrderEventError("type", reason, name) from None


def _explain(error: JsonSchemaValueException) -> tuple[str, str]:
    """Say which field breaks the schema and how, from the schema's words: the error's own hold values."""
    field = str(error.name).removeprefix("data").removeprefix(".")
    if error.rule == "required":
        missing = next(name for name in error.rule_definition if name not in error.value)
        return f"{field}.{missing}".removeprefix("."), "is missing"
    return field, f"must be {error.definition['description']}"


def _occurred_at(text: str, now: datetime, field: str, email_type: str) -> datetime:
    try:
        occurred_at = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        reason = "must be a date and time that exists"
        raise InvalidOrderEventError(field, reason, email_type) from None
    if occurred_at - now > CLOCK_TOLERANCE:
        minutes = CLOCK_TOLERANCE // timedelta(minutes=1)
        reason = f"must not be more than {minutes} minutes in the future"
        raise InvalidOrderEventError(field, reason, email_type)
    return occurred_at


def _known_fields(value: Any, schema: dict[str, Any]) -> Any:
    if "properties" in schema:
        return {
            name: _known_fields(value[name], part)
            for name, part in schema["properties"].items()
            if name in value
        }
    if "items" in schema:
        return [_known_fields(element, schema["items"]) for element in value]
    return value
