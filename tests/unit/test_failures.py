"""Whether SES can have the message, after each way in which a call can end."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import botocore
import pytest
from botocore import exceptions as raised
from botocore.exceptions import ClientError

from notifications.failures import (
    FINAL_TEXTS,
    LEDGER_ERROR_CODES,
    SES_ERROR_CODES,
    Certainty,
    Failure,
    classify,
    classify_ledger_error,
)


def answer(code: str, status: int, message: str = "") -> ClientError:
    response = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "SendEmail")  # type: ignore[arg-type]


def documented_errors() -> list[str]:
    [model] = (Path(botocore.__file__).parent / "data" / "sesv2").glob("*/service-2.json.gz")
    operation = json.loads(gzip.decompress(model.read_bytes()))["operations"]["SendEmail"]
    return [error["shape"] for error in operation["errors"]]


@pytest.mark.parametrize("code", documented_errors())
def test_every_error_that_the_service_model_names_is_in_the_table(code: str) -> None:
    assert code in SES_ERROR_CODES


@pytest.mark.parametrize("text", FINAL_TEXTS)
@pytest.mark.parametrize("code", ["MessageRejected", "BadRequestException"])
def test_rejection_is_final_when_ses_speaks_of_the_address(code: str, text: str) -> None:
    assert classify(answer(code, 400, text.capitalize() + ".")).certainty is Certainty.NEVER


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("MessageRejected", "Email address is not verified. The following identities failed the check"),
        ("MessageRejected", "Something that SES has never said before"),
        ("BadRequestException", "Configuration set name is invalid"),
        ("MailFromDomainNotVerifiedException", ""),
        ("NotFoundException", "Configuration set <x> does not exist."),
        ("AccountSuspendedException", ""),
        ("AccessDeniedException", ""),
        ("UnrecognizedClientException", ""),
    ],
)
def test_message_is_kept_until_somebody_mends_the_configuration(code: str, message: str) -> None:
    assert classify(answer(code, 400, message)).certainty is Certainty.CONFIGURATION


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("TooManyRequestsException", 429),
        ("ThrottlingException", 400),
        ("LimitExceededException", 400),
        ("SendingPausedException", 400),
        ("SomethingNew", 429),
    ],
)
def test_message_is_tried_again_when_ses_says_later(code: str, status: int) -> None:
    assert classify(answer(code, status)).certainty is Certainty.LATER


@pytest.mark.parametrize(
    ("code", "status"), [("InternalFailure", 500), ("ServiceUnavailable", 503), ("x", 408)]
)
def test_message_is_very_probably_not_taken_when_the_server_failed(code: str, status: int) -> None:
    assert classify(answer(code, status)).certainty is Certainty.ANSWERED


@pytest.mark.parametrize(
    ("error", "certainty"),
    [
        (raised.ConnectTimeoutError(endpoint_url="u"), Certainty.LATER),
        (raised.EndpointConnectionError(endpoint_url="u"), Certainty.LATER),
        (raised.ProxyConnectionError(proxy_url="u"), Certainty.LATER),
        (raised.ReadTimeoutError(endpoint_url="u"), Certainty.UNANSWERED),
        (raised.ConnectionClosedError(endpoint_url="u"), Certainty.UNANSWERED),
        (raised.SSLError(endpoint_url="u", error=OSError("e")), Certainty.UNANSWERED),
        (raised.HTTPClientError(error="e"), Certainty.UNANSWERED),
        (raised.ResponseStreamingError(error="e"), Certainty.UNANSWERED),
        (raised.NoCredentialsError(), Certainty.CONFIGURATION),
        (raised.ParamValidationError(report="r"), Certainty.CONFIGURATION),
        (RuntimeError("of something that botocore does not wrap"), Certainty.UNANSWERED),
    ],
)
def test_only_what_fails_before_the_request_goes_out_is_a_clear_no(
    error: Exception, certainty: Certainty
) -> None:
    assert classify(error) == Failure(certainty, type(error).__name__)


def test_code_of_a_failure_holds_nothing_of_what_ses_said() -> None:
    failure = classify(answer("MessageRejected", 400, "Email address is not verified: ada@example.com"))
    assert failure.code == "MessageRejected"


def documented_ledger_errors() -> set[str]:
    [model] = (Path(botocore.__file__).parent / "data" / "dynamodb").glob("*/service-2.json.gz")
    operations = json.loads(gzip.decompress(model.read_bytes()))["operations"]
    named = {error["shape"] for name in ("UpdateItem", "GetItem") for error in operations[name]["errors"]}
    return named - {"ConditionalCheckFailedException"}


@pytest.mark.parametrize("code", sorted(documented_ledger_errors()))
def test_every_error_of_the_ledger_that_the_service_model_names_is_in_the_table(code: str) -> None:
    assert code in LEDGER_ERROR_CODES


@pytest.mark.parametrize(
    ("error", "certainty"),
    [
        (answer("ThrottlingException", 400), Certainty.LATER),
        (answer("SomethingNew", 503), Certainty.LATER),
        (answer("SomethingNew", 429), Certainty.LATER),
        (answer("SomethingNew", 400), Certainty.CONFIGURATION),
        (answer("AccessDeniedException", 400), Certainty.CONFIGURATION),
        (raised.ReadTimeoutError(endpoint_url="u"), Certainty.LATER),
    ],
)
def test_error_of_the_ledger_before_a_send_is_never_unknown(error: Exception, certainty: Certainty) -> None:
    assert classify_ledger_error(error).certainty is certainty
