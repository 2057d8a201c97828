"""Order events are published as an operator hands them over."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest

from notifications.email_types import EmailTypes
from notifications.order_event import parse
from ops import publishing
from ops.errors import InputError
from ops.publishing import OrderEvent, as_of, parse_events
from tests.support.system import PROJECT

SAMPLE = PROJECT / "functions" / "email_types" / "order_confirmation" / "sample.json"


def test_body_is_published_as_written_when_the_file_is_one_event() -> None:
    text = '{\n  "order_id": "A-1",  "type": "order_confirmation", "total": 1.10\n}\n'
    assert parse_events(text.encode()) == [OrderEvent(text, "A-1", "order_confirmation")]


def test_each_element_is_an_event_when_the_file_is_an_array() -> None:
    events = parse_events(b'[{"order_id": "A-1"}, {"order_id": "A-2", "type": "refund"}]')
    assert [(event.order_id, event.type) for event in events] == [("A-1", None), ("A-2", "refund")]
    assert [json.loads(event.body) for event in events] == [
        {"order_id": "A-1"},
        {"order_id": "A-2", "type": "refund"},
    ]


def test_each_line_is_an_event_when_the_file_is_json_lines() -> None:
    events = parse_events('{"order_id": "Å-1"}\n\n{"order_id": "A-2"}\n'.encode())
    assert events == [OrderEvent('{"order_id": "Å-1"}', "Å-1"), OrderEvent('{"order_id": "A-2"}', "A-2")]


@pytest.mark.parametrize("value", ["7", "null", '""', '["a"]', '{"a": 1}', '"a\\u0000b"'])
def test_type_is_not_claimed_when_it_is_not_text(value: str) -> None:
    [event] = parse_events(f'{{"order_id": "A-1", "type": {value}}}'.encode())
    assert event.type is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no order event"),
        (b"[]", "no order event"),
        (b'{\n  "order_id": "A-1",\n  "total": }', "line 3 column 12"),
        (b'{"order_id": "A-1"}\n{"order_id": \n', "line 2: "),
        (b'{"name": "\xff"}', "Byte 10"),
    ],
)
def test_input_is_refused_with_the_place_when_it_is_not_json(content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        parse_events(content)


class Topic:
    """A topic, and a queue that shows what comes out of it."""

    def __init__(self) -> None:
        self.sns = boto3.client("sns", "us-east-1")
        self.sqs = boto3.client("sqs", "us-east-1")
        self.arn = self.sns.create_topic(Name="order-events")["TopicArn"]
        self.queue_url = self.sqs.create_queue(QueueName="send")["QueueUrl"]
        self.sns.subscribe(
            TopicArn=self.arn,
            Protocol="sqs",
            Endpoint="arn:aws:sqs:us-east-1:123456789012:send",
            Attributes={"RawMessageDelivery": "true"},
        )

    def received(self) -> Any:
        [message] = self.sqs.receive_message(QueueUrl=self.queue_url, MessageAttributeNames=["All"])[
            "Messages"
        ]
        return message


@pytest.fixture
def topic(moto: None) -> Topic:
    return Topic()


def test_event_is_published_with_its_type_as_message_attribute(topic: Topic) -> None:
    published = publishing.publish(
        topic.sns, topic.arn, OrderEvent('{"a": "é"}', "A-1", "order_confirmation")
    )
    message = topic.received()
    assert published.order_id == "A-1"
    assert published.message_id
    assert message["Body"] == '{"a": "é"}'
    assert message["MessageAttributes"]["type"]["StringValue"] == "order_confirmation"


def test_event_is_published_without_attribute_when_it_has_no_type(topic: Topic) -> None:
    publishing.publish(topic.sns, topic.arn, OrderEvent("not even JSON"))
    assert "MessageAttributes" not in topic.received()


def test_event_is_refused_with_its_size_when_it_is_too_large_for_sns(topic: Topic) -> None:
    with pytest.raises(InputError, match="SNS refused 262145 bytes"):
        publishing.publish(topic.sns, topic.arn, OrderEvent("x" * 262_145))


def test_sample_of_long_ago_becomes_an_order_of_now_and_is_the_same_otherwise() -> None:
    [sample] = parse_events(SAMPLE.read_bytes())
    now = datetime(2031, 5, 1, 12, 0, tzinfo=UTC)

    renewed = as_of(sample, now)

    assert parse(renewed.body, now, EmailTypes()).occurred_at == now
    assert json.loads(renewed.body) | {"ordered_at": None} == json.loads(sample.body) | {"ordered_at": None}
    assert (renewed.order_id, renewed.type) == (sample.order_id, sample.type)


def test_event_of_unknown_type_has_no_time_to_renew() -> None:
    with pytest.raises(InputError, match="no email type 'refund'"):
        as_of(OrderEvent('{"type": "refund"}', None, "refund"), datetime.now(UTC))
