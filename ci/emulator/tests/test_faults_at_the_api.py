"""Calls that break at the API, as an AWS client sees it."""

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from ci.emulator import aws_requests
from ci.emulator.tests.ses_feedback import email, wait_until

ONE_TRY = Config(retries={"total_max_attempts": 1}, read_timeout=0.5)


@pytest.fixture
def ses(emulator, clients):
    return clients("sesv2", config=ONE_TRY)


def set_fault(emulator, **fault):
    emulator.control.set_faults([{"name": "fault", "operation": "ses:SendEmail"} | fault])


def error_of(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    response = caught.value.response
    return (
        response["Error"]["Code"],
        response["ResponseMetadata"]["HTTPStatusCode"],
        response["Error"]["Message"],
    )


CALLS = {
    "dynamodb": lambda clients: clients("dynamodb", config=ONE_TRY).list_tables(),
    "sqs": lambda clients: clients("sqs", config=ONE_TRY).list_queues(),
    "sns": lambda clients: clients("sns", config=ONE_TRY).list_topics(),
    "ses": lambda clients: clients("sesv2", config=ONE_TRY).get_account(),
    "lambda": lambda clients: clients("lambda", config=ONE_TRY).list_functions(),
    "s3": lambda clients: clients("s3", config=ONE_TRY).get_object(Bucket="bucket", Key="a/b"),
    "kms": lambda clients: clients("kms", config=ONE_TRY).list_keys(),
    "secretsmanager": lambda clients: clients("secretsmanager", config=ONE_TRY).list_secrets(),
    "cloudwatch": lambda clients: clients("cloudwatch", config=ONE_TRY).list_metrics(),
    "logs": lambda clients: clients("logs", config=ONE_TRY).describe_log_groups(),
    "cloudformation": lambda clients: clients("cloudformation", config=ONE_TRY).list_stacks(),
}


@pytest.mark.parametrize(
    ("service", "code", "status"),
    [
        # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
        ("dynamodb", "ThrottlingException", 400),
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html#API_SendMessage_Errors
        ("sqs", "RequestThrottled", 400),
        # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors (ThrottledException)
        ("sns", "Throttled", 429),
        # https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
        ("ses", "TooManyRequestsException", 429),
        # https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors
        ("lambda", "TooManyRequestsException", 429),
        # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
        ("s3", "SlowDown", 503),
        # https://docs.aws.amazon.com/kms/latest/developerguide/throttling.html
        ("kms", "ThrottlingException", 400),
        ("secretsmanager", "ThrottlingException", 400),
        ("cloudwatch", "ThrottlingException", 400),
        ("logs", "ThrottlingException", 400),
        ("cloudformation", "ThrottlingException", 400),
    ],
)
def test_throttled_call_gets_the_services_own_error(emulator, clients, service, code, status):
    set_fault(emulator, operation=f"{service}:*", effect="throttle")
    assert error_of(CALLS[service], clients=clients)[:2] == (code, status)


@pytest.mark.parametrize("service", CALLS)
def test_any_error_is_answered_in_the_services_protocol(emulator, clients, service):
    set_fault(emulator, operation=f"{service}:*", effect="error", code="Odd", status=418, message="<& no>")
    assert error_of(CALLS[service], clients=clients) == ("Odd", 418, "<& no>")


@pytest.mark.parametrize("phase", ["before", "after"])
def test_message_is_accepted_when_the_error_comes_after_and_not_when_it_comes_before(emulator, ses, phase):
    set_fault(emulator, effect="server_error", phase=phase)
    assert error_of(ses.send_email, **email())[:2] == ("InternalServiceErrorException", 500)
    assert len(emulator.control.accepted()) == (phase == "after")


def test_server_error_may_be_another(emulator, ses):
    set_fault(emulator, effect="server_error", status=503, code="ServiceUnavailable", message="busy")
    assert error_of(ses.send_email, **email()) == ("ServiceUnavailable", 503, "busy")


@pytest.mark.parametrize("phase", ["before", "after"])
def test_answer_never_comes_and_the_log_tells_whether_the_message_was_accepted(emulator, ses, phase):
    set_fault(emulator, effect="no_answer", phase=phase)
    with pytest.raises(ReadTimeoutError):
        ses.send_email(**email())
    assert len(emulator.control.accepted()) == (phase == "after")


@pytest.mark.parametrize("phase", ["before", "after"])
def test_connection_is_reset_and_the_log_tells_whether_the_message_was_accepted(emulator, ses, phase):
    set_fault(emulator, effect="reset", phase=phase)
    with pytest.raises(ConnectionClosedError):
        ses.send_email(**email())
    assert len(emulator.control.accepted()) == (phase == "after")


def test_delayed_call_is_carried_out_even_when_its_caller_has_given_up(emulator, ses):
    """What was sent on the wire may still arrive: the reason why an unknown outcome must be waited out."""
    set_fault(emulator, effect="delay", seconds=0.6)
    with pytest.raises(ReadTimeoutError):
        ses.send_email(**email())
    wait_until(lambda: len(emulator.control.accepted()) == 1)


def test_delayed_answer_is_the_real_one(emulator, ses):
    set_fault(emulator, effect="delay", phase="after", seconds=0.05)
    message_id = ses.send_email(**email())["MessageId"]
    assert [mail["message_id"] for mail in emulator.control.accepted()] == [message_id]


def test_call_that_aws_refuses_does_not_count_as_done_with_its_answer_lost(emulator, clients):
    set_fault(emulator, operation="s3:GetObject", effect="reset", phase="after")
    assert error_of(CALLS["s3"], clients=clients)[0] == "NoSuchBucket"
    assert [(one["seen"], one["hits"]) for one in emulator.control.faults()] == [(0, 0)]


def test_retries_of_the_sdk_are_calls_of_their_own(emulator, clients):
    """botocore retries read timeouts: https://docs.aws.amazon.com/boto3/latest/guide/retries.html."""
    set_fault(emulator, effect="no_answer", phase="after", calls=[1])
    retrying = clients("sesv2", config=Config(retries={"total_max_attempts": 2}, read_timeout=0.5))
    retrying.send_email(**email())
    assert len(emulator.control.accepted()) == 2
    assert [(one["seen"], one["hits"]) for one in emulator.control.faults()] == [(2, 1)]


def test_claim_and_record_are_told_apart_by_what_they_write(emulator, clients):
    dynamodb = clients("dynamodb", config=ONE_TRY)
    dynamodb.create_table(
        TableName="fault-ledger",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def write(status):
        dynamodb.update_item(
            TableName="fault-ledger",
            Key={"id": {"S": "1"}},
            UpdateExpression="SET #status = :status",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={":status": {"S": status}},
        )

    claim = {"match": ["fault-ledger", '"SENDING"'], "effect": "server_error"}
    set_fault(emulator, operation="dynamodb:UpdateItem", **claim)
    write("SENT")
    assert error_of(write, status="SENDING")[:2] == ("InternalServerError", 500)
    dynamodb.delete_table(TableName="fault-ledger")


def test_other_operations_pass_untouched(emulator, ses):
    set_fault(emulator, effect="server_error")
    assert ses.get_account()["SendingEnabled"] is True


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("service", "start_line", "headers", "body", "expected"),
    [
        ("dynamodb", "POST /", {"x-amz-target": "DynamoDB_20120810.UpdateItem"}, "{}", "dynamodb:UpdateItem"),
        ("sqs", "POST /", {"x-amz-target": "AmazonSQS.SendMessage"}, "{}", "sqs:SendMessage"),
        ("monitoring", "POST /", {"content-type": FORM}, "Action=ListMetrics", "cloudwatch:ListMetrics"),
        ("sns", "GET /?Action=Publish&Message=x", {}, "", "sns:Publish"),
        ("ses", "POST /v2/email/outbound-emails", {}, "{}", "ses:SendEmail"),
        ("ses", "GET /v2/email/suppression/addresses/a@b.example", {}, "", "ses:GetSuppressedDestination"),
        ("lambda", "POST /2015-03-31/functions/send/invocations", {}, "{}", "lambda:Invoke"),
        ("s3", "GET /bucket/a/b", {}, "", "s3:GetObject"),
        ("s3", "GET /bucket?versioning", {}, "", "s3:GetBucketVersioning"),
        ("unheard", "GET /x", {}, "", "unheard:Unknown"),
    ],
)
def test_operation_is_told_from_the_request(service, start_line, headers, body, expected):
    signature = f"AWS4-HMAC-SHA256 Credential=test/20261124/us-east-1/{service}/aws4_request, Signature=x"
    method, _, url = start_line.partition(" ")
    path, _, query = url.partition("?")
    request = aws_requests.parse(method, path, query, {"authorization": signature, **headers}, body.encode())
    assert request.action == expected
