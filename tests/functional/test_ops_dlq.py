"""Dead-letter queues through SQS as it is: approximate, in parts, with copies; and the commands' answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from notifications.ledger import Status
from ops import cli, targets
from ops.aws import Aws
from ops.dead_letters.handling import carry_out, plan, redriving
from ops.dead_letters.judgement import Fate, Judgement
from ops.dead_letters.messages import Message, QueueName, Selection
from ops.dead_letters.queue import EMPTY_RECEIVES, Queue
from ops.output import Progress
from ops.targets import Deployed
from tests.support.ledger_table import create_ledger_table
from tests.support.system import order

OUTPUTS = {
    "SendQueueUrl": "send",
    "SendDeadLetterQueueUrl": "send-dead-letter",
    "OrderEventsUndeliveredQueueUrl": "order-events-undelivered",
    "FeedbackQueueUrl": "feedback",
    "FeedbackDeadLetterQueueUrl": "feedback-dead-letter",
    "FeedbackUndeliveredQueueUrl": "feedback-undelivered",
}
ALL = Selection(everything=True)


class Sqs:
    """A dead-letter queue that hands out what a test says, and notes what is done with it.

    Parameters
    ----------
    answers
        Message ids of each answer; nothing is left after the last.
    said_to_have
        How many messages the queue claims to have.
    """

    def __init__(self, answers: list[list[str]], said_to_have: int = 0) -> None:
        self.answers = answers
        self.said_to_have = said_to_have
        self.receives = 0
        self.sent: list[dict[str, Any]] = []
        self.deleted: list[str] = []
        self.released: list[str] = []
        self.hidden_seconds: set[int] = set()

    def get_queue_attributes(self, **_: Any) -> Any:
        return {
            "Attributes": {
                "ApproximateNumberOfMessages": str(self.said_to_have),
                "ApproximateNumberOfMessagesNotVisible": "0",
            }
        }

    def receive_message(self, **call: Any) -> Any:
        self.receives += 1
        self.hidden_seconds.add(call["VisibilityTimeout"])
        ids = self.answers.pop(0) if self.answers else []
        return {"Messages": [self._message(id_) for id_ in ids]} if ids else {}

    def _message(self, id_: str) -> dict[str, Any]:
        return {
            "MessageId": id_,
            "ReceiptHandle": f"{id_} received {self.receives}",
            "Body": "{}",
            "Attributes": {"SentTimestamp": "1795500000000", "ApproximateReceiveCount": "1"},
            "MessageAttributes": {
                name: {"DataType": "String", "StringValue": name}
                for name in ("error_field", "error_reason", "email_type", "type", "correlation_id")
            },
        }

    def send_message(self, **message: Any) -> None:
        self.sent.append(message)

    def delete_message(self, **call: Any) -> None:
        self.deleted.append(call["ReceiptHandle"])

    def change_message_visibility_batch(self, **call: Any) -> None:
        entries = call["Entries"]
        assert len(entries) <= 10
        assert {entry["VisibilityTimeout"] for entry in entries} == {0}
        self.released += [entry["ReceiptHandle"] for entry in entries]


def dead_letter_queue(sqs: Sqs) -> Queue:
    aws: Any = SimpleNamespace(sqs=sqs)
    return Queue(aws.sqs, OUTPUTS, QueueName.SEND)


def ids_seen(sqs: Sqs) -> list[str]:
    with closing(dead_letter_queue(sqs).messages()) as messages:
        return [message.id for message in messages]


def redrive_all(message: Message) -> Judgement:
    return Judgement(Fate.REDRIVE, "will be sent")


# --- looking ----------------------------------------------------------------------------------------


def test_each_message_is_seen_once_though_it_is_received_twice() -> None:
    sqs = Sqs([["a", "b"], ["b", "c"], ["a"]], said_to_have=3)
    assert ids_seen(sqs) == ["a", "b", "c"]


def test_everything_that_was_received_is_put_back_in_sight_by_its_newest_receipt() -> None:
    sqs = Sqs([[f"m-{number}" for number in range(10)], ["m-0"], ["m-10", "m-11"]], said_to_have=12)
    ids_seen(sqs)
    assert sorted(handle.split()[0] for handle in sqs.released) == sorted(f"m-{n}" for n in range(12))
    assert "m-0 received 2" in sqs.released


def test_what_was_received_is_put_back_in_sight_when_the_look_is_broken_off() -> None:
    sqs = Sqs([["a", "b"]])
    with closing(dead_letter_queue(sqs).messages()) as messages:
        next(messages)
    assert sqs.released == ["a received 1", "b received 1"]


def test_look_ends_although_a_message_cannot_be_put_back() -> None:
    class Refusing(Sqs):
        def change_message_visibility_batch(self, **call: Any) -> None:
            super().change_message_visibility_batch(**call)
            raise ClientError({"Error": {"Code": "RequestThrottled"}}, "ChangeMessageVisibilityBatch")

    sqs = Refusing([[f"m-{number}" for number in range(10)], ["m-10"]])
    assert len(ids_seen(sqs)) == 11
    assert len(sqs.released) == 11


def test_one_empty_answer_ends_the_look_when_all_were_seen() -> None:
    sqs = Sqs([["a"], [], ["b"]], said_to_have=1)
    assert ids_seen(sqs) == ["a"]


def test_some_empty_answers_do_not_end_the_look_at_a_queue_that_is_said_to_have_more() -> None:
    sqs = Sqs([["a"], [], [], ["b"]], said_to_have=2)
    assert ids_seen(sqs) == ["a", "b"]


def test_look_ends_at_a_queue_that_never_has_what_it_is_said_to_have() -> None:
    sqs = Sqs([], said_to_have=100)
    assert ids_seen(sqs) == []
    assert sqs.receives == EMPTY_RECEIVES


def test_look_ends_at_a_queue_that_hands_out_the_same_messages_for_ever() -> None:
    sqs = Sqs([["a", "b"]] * 1000, said_to_have=2)
    assert ids_seen(sqs) == ["a", "b"]
    assert sqs.receives < 10


def test_thousands_are_all_seen_and_kept_out_of_sight_meanwhile() -> None:
    ids = [f"m-{number}" for number in range(3000)]
    sqs = Sqs([ids[start : start + 10] for start in range(0, 3000, 10)], said_to_have=3000)
    assert ids_seen(sqs) == ids
    assert sqs.hidden_seconds == {165}
    assert len(sqs.released) == 3000


# --- redriving --------------------------------------------------------------------------------------


def test_message_is_sent_on_as_it_was_without_what_told_of_its_error() -> None:
    sqs = Sqs([["a"]])
    queue = dead_letter_queue(sqs)
    with closing(queue.messages()) as messages:
        queue.redrive(next(messages))

    [sent] = sqs.sent
    assert (sent["QueueUrl"], sent["MessageBody"]) == ("send", "{}")
    assert sent["MessageAttributes"] == {
        name: {"DataType": "String", "StringValue": name} for name in ("type", "correlation_id")
    }
    assert sqs.deleted == ["a received 1"]
    assert sqs.released == []


def test_message_that_could_not_be_sent_on_is_not_deleted() -> None:
    class Full(Sqs):
        def send_message(self, **_: Any) -> None:
            raise ClientError({"Error": {"Code": "OverLimit"}}, "SendMessage")

    sqs = Full([["a"], []] * 2)
    queue = dead_letter_queue(sqs)
    planned = plan(queue, ALL, redrive_all, Progress())
    tally = carry_out(queue, planned, redrive_all, redriving(queue), 5, Progress(), sleep=lambda _: None)
    assert isinstance(tally.failure, ClientError)
    assert tally.remaining == {"a"}
    assert sqs.deleted == []
    assert sqs.released == ["a received 1", "a received 3"]


def test_only_what_was_planned_is_redriven_and_at_the_rate_that_was_asked_for() -> None:
    sqs = Sqs([["a", "b"], [], ["later"], ["b", "a"]], said_to_have=2)
    queue, pauses = dead_letter_queue(sqs), list[float]()
    planned = plan(queue, ALL, redrive_all, Progress())
    tally = carry_out(queue, planned, redrive_all, redriving(queue), 4, Progress(), sleep=pauses.append)

    assert (tally.fates[Fate.REDRIVE], tally.remaining) == (2, set())
    assert sqs.deleted == ["b received 4", "a received 4"]
    assert "later received 3" in sqs.released
    assert pauses == [0.25]


def test_look_for_messages_by_id_ends_when_they_are_found() -> None:
    sqs = Sqs([["a"], ["b"], ["c"]], said_to_have=3)
    planned = plan(dead_letter_queue(sqs), Selection(ids=frozenset({"b"})), redrive_all, Progress())
    assert [one.id for one in planned] == ["b"]
    assert sqs.receives == 2


def test_message_is_judged_again_before_anything_is_done_with_it() -> None:
    sqs = Sqs([["a"], [], ["a"]])
    queue = dead_letter_queue(sqs)
    planned = plan(queue, ALL, redrive_all, Progress())
    tally = carry_out(
        queue,
        planned,
        lambda _: Judgement(Fate.DELETE, "already sent", status=Status.DELIVERED),
        redriving(queue),
        5,
        Progress(),
    )
    assert (sqs.sent, sqs.deleted) == ([], ["a received 3"])
    assert tally.fates[Fate.DELETE] == 1


def test_message_that_was_not_found_again_is_counted() -> None:
    sqs = Sqs([["a", "b"], [], ["a"]])
    queue = dead_letter_queue(sqs)
    planned = plan(queue, ALL, redrive_all, Progress())
    tally = carry_out(queue, planned, redrive_all, redriving(queue), 100, Progress())
    assert tally.remaining == {"b"}


# --- the commands -----------------------------------------------------------------------------------


@pytest.fixture
def of(moto: None, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """A deployment of which only the queues, the ledger and the function's settings are real."""
    monkeypatch.setattr("ops.dead_letters.queue.LONG_POLL_SECONDS", 0)
    aws = Aws("us-east-1", boto3.Session(region_name="us-east-1"), {})
    outputs = {name: aws.sqs.create_queue(QueueName=queue)["QueueUrl"] for name, queue in OUTPUTS.items()}
    outputs["LedgerTableName"] = create_ledger_table(aws.dynamodb)
    deployed = Deployed("stack", aws, outputs, datetime.now(UTC))
    monkeypatch.setattr(targets, "find", lambda _env, _region: deployed)
    return deployed


def notify(*arguments: str) -> Any:
    return CliRunner().invoke(cli.app, ["dlq", *arguments])


def bury(of: Deployed, queue: str, body: object = "{}", **attributes: str) -> str:
    sent = of.aws.sqs.send_message(
        QueueUrl=of.outputs[queue],
        MessageBody=body if isinstance(body, str) else json.dumps(body),
        MessageAttributes={
            name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()
        },
    )
    return sent["MessageId"]


def test_list_tells_of_all_four_queues(of: Deployed) -> None:
    bury(of, "SendDeadLetterQueueUrl", error_field="total", error_reason="is missing", email_type="a_type")
    bury(of, "SendDeadLetterQueueUrl", error_field="total", error_reason="is missing", email_type="a_type")
    bury(of, "OrderEventsUndeliveredQueueUrl", {"type": "order_confirmation"})
    bury(of, "FeedbackDeadLetterQueueUrl", {"eventType": "Bounce"})

    queues = json.loads(notify("list", "--json").stdout)

    assert {
        queue["queue"]: [(group["reason"], group["type"], group["count"]) for group in queue["groups"]]
        for queue in queues
    } == {
        "send": [("total is missing", "a_type", 2)],
        "orders-undelivered": [("not delivered by SNS", "order_confirmation", 1)],
        "feedback": [("received too often", "Bounce", 1)],
        "feedback-undelivered": [],
    }
    shown = notify("list", "--queue", "send")
    assert shown.exit_code == 0
    assert "total is missing" in shown.stdout


def test_list_of_nothing_is_good_news(of: Deployed) -> None:
    result = notify("list")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "no dead letters" in result.stderr


def test_show_of_feedback_tells_of_its_kind_and_hides_whose_it_is(of: Deployed) -> None:
    bury(
        of,
        "FeedbackDeadLetterQueueUrl",
        {"eventType": "Bounce", "mail": {"destination": ["ada@example.com"]}},
    )

    result = notify("show", "--queue", "feedback")

    assert result.exit_code == 0
    assert "not about one of our emails" in result.stdout
    assert "ada" not in result.stdout


def test_show_says_no_when_there_is_no_such_message(of: Deployed) -> None:
    assert notify("show", "--queue", "feedback", "--message", "m-1").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("show", "--body"), id="bodies-of-all"),
        pytest.param(("redrive", "--reason", "why"), id="no-selection"),
        pytest.param(("discard", "--reason", "why"), id="no-selection-to-discard"),
        pytest.param(("redrive", "--reason", "why", "--all", "--message", "m-1"), id="two-selections"),
        pytest.param(("redrive", "--all"), id="no-reason"),
        pytest.param(("redrive", "--reason", "why", "--all", "--rate", "0"), id="no-rate"),
        pytest.param(("list", "--queue", "other"), id="no-such-queue"),
    ],
)
def test_wrong_usage_is_refused(of: Deployed, arguments: tuple[str, ...]) -> None:
    assert notify(*arguments).exit_code == 2


@pytest.mark.parametrize("arguments", [(), ("--yes",)])
def test_redrive_of_nothing_says_no_and_leaves_no_trace(of: Deployed, arguments: tuple[str, ...]) -> None:
    result = notify("redrive", "--queue", "feedback", "--all", "--reason", "why", "--json", *arguments)
    assert result.exit_code == 1
    assert json.loads(result.stdout)["messages"] == []
    assert of.aws.dynamodb.scan(TableName=of.outputs["LedgerTableName"])["Items"] == []


def test_function_of_another_release_is_told_of(of: Deployed, monkeypatch: pytest.MonkeyPatch) -> None:
    function = SimpleNamespace(get_function_configuration=lambda **_: {"Environment": {"Variables": {}}})
    client: Callable[[str], Any] = of.aws.client
    monkeypatch.setattr(
        Aws, "client", lambda _self, service: function if service == "lambda" else client(service)
    )
    of.outputs["SendEmailFunctionName"] = "send-email"
    bury(of, "SendDeadLetterQueueUrl", order())

    result = notify("redrive", "--all", "--reason", "why")

    assert result.exit_code == 3
    assert "The settings of send-email cannot be used" in result.stderr


def test_feedback_that_nobody_can_read_is_discarded_with_an_audit_item(of: Deployed) -> None:
    id_ = bury(of, "FeedbackDeadLetterQueueUrl", "no JSON")

    assert notify("discard", "--queue", "feedback", "--all", "--reason", "Noise").exit_code == 0
    assert of.aws.dynamodb.scan(TableName=of.outputs["LedgerTableName"])["Items"] == []
    result = notify("discard", "--queue", "feedback", "--all", "--reason", "Noise", "--yes", "--json")

    assert json.loads(result.stdout)["done"]["deleted"] == 1
    items = of.aws.dynamodb.scan(TableName=of.outputs["LedgerTableName"])["Items"]
    by_kind = {item["order_key"]["S"]: item for item in items}
    assert by_kind.keys() == {"~audit", "~discarded"}
    item = by_kind["~audit"]
    assert (item["action"], item["reason"]) == ({"S": "dlq discard"}, {"S": "Noise"})
    assert item["queue_message_id"] == by_kind["~discarded"]["notification"] == {"S": id_}


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        pytest.param(KeyboardInterrupt(), "run it again to go on", id="by-the-operator"),
        pytest.param(
            ClientError({"Error": {"Code": "AccessDenied"}}, "SendMessage"), "A right is missing", id="by-aws"
        ),
    ],
)
def test_redrive_that_is_broken_off_tells_how_far_it_got(
    of: Deployed, monkeypatch: pytest.MonkeyPatch, stop: BaseException, said: str
) -> None:
    def stopped(_queue: Queue, _message: Message) -> None:
        raise stop

    judged = Judgement(Fate.REDRIVE, "will be recorded")
    monkeypatch.setattr("ops.commands.dlq._redrive_judge", lambda _of, _queue: lambda _message: judged)
    monkeypatch.setattr(Queue, "redrive", stopped)
    bury(of, "FeedbackDeadLetterQueueUrl")

    result = notify("redrive", "--queue", "feedback", "--all", "--reason", "why", "--yes")

    assert result.exit_code == 3
    assert "stopped after 0 of 1: nothing done" in result.stderr
    assert said in result.stderr
    [item] = of.aws.dynamodb.scan(TableName=of.outputs["LedgerTableName"])["Items"]
    assert (item["planned"], item["outcome"]) == ({"S": "1"}, {"S": "nothing done"})
