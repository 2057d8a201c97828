"""Order events: read from what an operator hands over, put on the order-events topic."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

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
    text = _decode(content)
    try:
        document = json.loads(text)
    except ValueError:
        events = list(_parse_lines(text))
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


def raw_event(content: bytes) -> OrderEvent:
    """Take the content as one message, whatever it is: bad input is published on purpose with this.

    Raises
    ------
    InputError
        The content is no text: SNS messages are UTF-8.
    """
    return OrderEvent(_decode(content))


def publish(sns: SNSClient, topic_arn: str, event: OrderEvent) -> Published:
    """Put the event on the topic, with its type as message attribute `type` if it has one.

    Raises
    ------
    InputError
        SNS refuses the message, for example because it is empty or too large.
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
            f"SNS refused {len(event.body.encode())} bytes: {error.response['Error']['Message']}.",
            f"A message is text, not empty, and at most {SNS_LIMIT_KIB} KiB.",
        ) from error
    return Published(answer["MessageId"], event.order_id)


def _decode(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"Byte {error.start} of the input is not UTF-8.", "SNS carries text only: convert it to UTF-8."
        ) from error


def _parse_lines(text: str) -> Iterator[OrderEvent]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            yield _event(json.loads(line), line)
        except ValueError as error:
            raise InputError(
                f"The input is not JSON, neither as a whole nor line by line (line {number}: {error}).",
                "Correct it, or publish it as it is with --raw.",
            ) from error


def _event(document: Any, body: str) -> OrderEvent:
    fields = document if isinstance(document, dict) else {}
    return OrderEvent(body, _text(fields.get("order_id")), _text(fields.get("type")))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value and value.isprintable() else None
