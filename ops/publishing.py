"""Order events: read from what an operator hands over, put on the order-events topic."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from notifications.email_types import EmailTypes
from notifications.times import iso
from ops.errors import InputError

if TYPE_CHECKING:
    from types_boto3_sns import SNSClient
    from types_boto3_sns.type_defs import MessageAttributeValueTypeDef

SNS_LIMIT_KIB = 256
"""Largest message that SNS takes, attributes included: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"""


@dataclass(frozen=True)
class OrderEvent:
    """What is to be published: the body as it goes out, and what it says about itself."""

    body: str
    order_id: str | None = None
    type: str | None = None


@dataclass(frozen=True)
class Published:
    """An event that SNS has taken."""

    message_id: str
    order_id: str | None


def parse_events(content: bytes) -> list[OrderEvent]:
    """Read one event (a JSON object) or several (a JSON array of objects, or one object a line).

    Only the form is looked at; whether an event is a good order is for the system to say.

    Raises
    ------
    InputError
        The content is not JSON, or there is no event in it.
    """
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"Byte {error.start} of the input is not UTF-8.", "SNS carries text only: convert it to UTF-8."
        ) from error
    try:
        document = json.loads(text)
    except ValueError as error:
        events = _parse_lines(text, error)
    else:
        if isinstance(document, list):
            events = [_event(item, json.dumps(item)) for item in document]
        else:
            events = [_event(document, text)]
    if not events:
        raise InputError(
            "There is no order event in it.", "Hand over a JSON object, an array, or one object a line."
        )
    return events


def as_of(event: OrderEvent, now: datetime) -> OrderEvent:
    """The event as if it had occurred now, so that a sample of long ago is not too old to be sent.

    Raises
    ------
    InputError
        It is of no known type, and so nobody knows where it says when it occurred.
    """
    types = EmailTypes()
    if event.type not in types.names():
        raise InputError(
            f"--now: there is no email type {event.type!r}.",
            f"There are {', '.join(types.names())}. Publish it as it is, without --now.",
        )
    fields = json.loads(event.body) | {types.get(event.type).occurred_at: iso(now)}
    return replace(event, body=json.dumps(fields))


def publish(sns: SNSClient, topic_arn: str, event: OrderEvent) -> Published:
    """Put the event on the topic, with its type as message attribute `type` if it has one.

    Raises
    ------
    InputError
        SNS refuses the message, for example because it is too large.
    """
    attributes: dict[str, MessageAttributeValueTypeDef] = (
        {"type": {"DataType": "String", "StringValue": event.type}} if event.type else {}
    )
    try:
        answer = sns.publish(TopicArn=topic_arn, Message=event.body, MessageAttributes=attributes)
    except ClientError as error:
        if error.response["Error"]["Code"] not in (
            "InvalidParameter",
            "InvalidParameterValue",
            "ValidationError",
        ):
            raise
        raise InputError(
            f"SNS refused {len(event.body.encode())} bytes: {_message(error)}.",
            f"A message has at most {SNS_LIMIT_KIB} KiB.",
        ) from error
    return Published(answer["MessageId"], event.order_id)


def _parse_lines(text: str, whole_text_error: ValueError) -> list[OrderEvent]:
    """One event a line. If not even the first line is one, the text was meant as one document."""
    events: list[OrderEvent] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            events.append(_event(json.loads(line), line))
        except ValueError as error:
            problem = f"line {number}: {error}" if events else str(whole_text_error)
            raise InputError(
                f"The input is not JSON ({problem}).",
                "Hand over a JSON object, an array, or one object a line.",
            ) from error
    return events


def _event(document: Any, body: str) -> OrderEvent:
    fields = document if isinstance(document, dict) else {}
    return OrderEvent(body, _text(fields.get("order_id")), _text(fields.get("type")))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value.isprintable() else None


def _message(error: ClientError) -> str:
    return error.response["Error"]["Message"].rstrip(".")
