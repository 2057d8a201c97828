"""Lambda functions that are killed or fail, and batches whose end the queue never hears of.

What Lambda then does: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import uuid

import pytest

from ci.emulator.tests.conftest import zipped
from ci.emulator.tests.ses_feedback import email, wait_until

FUNCTION = "faulty-sender"
TABLE = "faulty-ledger"
# Claims, sends and records each message, with no thought of what may go wrong in between.
CODE = f"""
import boto3

dynamodb, ses = boto3.client("dynamodb"), boto3.client("sesv2")

def write(key, status):
    dynamodb.update_item(
        TableName="{TABLE}", Key={{"id": {{"S": key}}}}, UpdateExpression="SET #s = :s",
        ExpressionAttributeNames={{"#s": "status"}}, ExpressionAttributeValues={{":s": {{"S": status}}}},
    )

def handler(event, context):
    for record in event["Records"]:
        write(record["body"], "SENDING")
        body = {{"Text": {{"Data": "text"}}}}
        ses.send_email(
            FromEmailAddress="orders@shop.example", Destination={{"ToAddresses": ["ada@example.com"]}},
            Content={{"Simple": {{"Subject": {{"Data": record["body"]}}, "Body": body}}}},
        )
        write(record["body"], "SENT")
    return {{"batchItemFailures": []}}
"""

CLAIM = {"operation": "dynamodb:UpdateItem", "match": [TABLE, "SENDING"]}
SEND = {"operation": "ses:SendEmail"}
RECORD = {"operation": "dynamodb:UpdateItem", "match": [TABLE, "SENT"]}


@pytest.fixture(scope="module")
def function(clients):
    clients("dynamodb").create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    clients("lambda").create_function(
        FunctionName=FUNCTION,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/path/sender-role",
        Handler="sender.handler",
        Code={"ZipFile": zipped("sender.py", CODE)},
        Timeout=20,
    )
    # One at a time: a message that is visible again while its function still runs must not be run twice.
    clients("lambda").put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=1)
    yield FUNCTION
    clients("lambda").delete_function(FunctionName=FUNCTION)
    clients("dynamodb").delete_table(TableName=TABLE)


@pytest.fixture
def queue(emulator, clients, function):
    """A queue that feeds the function, its messages visible again after a second."""
    name = f"faulty-{uuid.uuid4().hex[:8]}"
    sqs, functions = clients("sqs"), clients("lambda")
    url = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "1"})["QueueUrl"]
    mapping = functions.create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=f"arn:aws:sqs:us-east-1:000000000000:{name}",
        BatchSize=1,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    yield url
    functions.delete_event_source_mapping(UUID=mapping["UUID"])


@pytest.fixture
def deliver(emulator, clients, queue):
    """Puts messages into the queue and waits until it is empty."""

    def put(*bodies):
        sqs = clients("sqs")
        for body in bodies:
            sqs.send_message(QueueUrl=queue, MessageBody=body)
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        wait_until(
            lambda: all(
                value == "0"
                for value in sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=names)[
                    "Attributes"
                ].values()
            )
        )

    return put


def set_fault(emulator, **fault):
    emulator.control.set_faults([{"name": "fault", "caller": FUNCTION} | fault])


def hits(emulator):
    return [one["hits"] for one in emulator.control.faults()]


def subjects(emulator):
    return [mail["subject"] for mail in emulator.control.accepted()]


def test_log_names_the_function_that_sent(emulator, deliver):
    deliver("m1")
    [mail] = emulator.control.accepted()
    assert (mail["caller"], mail["subject"]) == (FUNCTION, "m1")


@pytest.mark.parametrize(
    ("call", "phase", "times_sent"),
    [
        (CLAIM, "before", 1),
        (CLAIM, "after", 1),
        (SEND, "before", 1),
        (SEND, "after", 2),
        (RECORD, "before", 2),
        (RECORD, "after", 2),
    ],
)
def test_function_killed_around_a_call_is_run_again_with_the_same_message(
    emulator, deliver, call, phase, times_sent
):
    set_fault(emulator, effect="kill", phase=phase, calls=[1], **call)
    deliver("m1")
    assert hits(emulator) == [1]
    assert subjects(emulator) == ["m1"] * times_sent


def test_calls_of_others_pass_while_a_functions_calls_break(emulator, clients, ses, deliver):
    set_fault(emulator, effect="error", code="MessageRejected", status=400, limit=1, **SEND)
    ses.send_email(**email())
    deliver("m1")
    assert hits(emulator) == [1]
    assert sorted(subjects(emulator)) == ["Your order", "m1"]


def test_finished_batch_comes_again_when_its_deletion_is_lost(emulator, deliver):
    """SQS delivers at least once: https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html."""
    set_fault(emulator, operation="lambda:DeleteBatch", effect="lose", calls=[1])
    deliver("m1")
    assert hits(emulator) == [1]
    assert subjects(emulator) == ["m1", "m1"]


@pytest.mark.parametrize(("phase", "times_sent"), [("before", 1), ("after", 2)])
def test_run_that_fails_is_tried_again(emulator, deliver, phase, times_sent):
    set_fault(emulator, operation="lambda:RunFunction", effect="fail", phase=phase, calls=[1])
    deliver("m1")
    assert hits(emulator) == [1]
    assert subjects(emulator) == ["m1"] * times_sent


def test_busy_function_is_killed_by_the_clock_and_nothing_is_lost(emulator, deliver):
    slow = {"name": "slow", "effect": "delay", "seconds": 0.3, **SEND}
    kill = {
        "name": "kill",
        "operation": "timer",
        "caller": FUNCTION,
        "effect": "kill",
        "seconds": 0.1,
        "limit": 1,
    }
    emulator.control.set_faults([slow, kill], seed=3)
    deliver("m1", "m2")
    assert {one["name"]: one["hits"] for one in emulator.control.faults()}["kill"] == 1
    assert set(subjects(emulator)) == {"m1", "m2"}


def test_clock_kills_nobody_once_its_fault_is_gone(emulator, deliver):
    kill = {"name": "kill", "operation": "timer", "caller": FUNCTION, "effect": "kill", "seconds": 0.01}
    emulator.control.set_faults([kill])
    emulator.control.clear_faults()
    deliver("m1")
    assert subjects(emulator) == ["m1"]
