"""What each way in which a call to SES can end says about the message. One table, rendered in the docs.

The question is never "is it an error" but "can SES have the message": only a clear no allows another try,
and only a clear never ends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    ParamValidationError,
    PartialCredentialsError,
    ProxyConnectionError,
    ReadTimeoutError,
    SSLError,
)


class Certainty(StrEnum):
    """What is known after a call that did not succeed, and so what happens to the message."""

    LATER = "refused for now"
    """Not sent. The claim is released and the message waits in the queue with a growing back-off."""
    CONFIGURATION = "refused until the configuration is mended"
    """Not sent, and will not be until somebody mends it. Waits like LATER, and is alarmed on."""
    NEVER = "refused for good"
    """Not sent, and never will be as it is. The notification becomes FAILED and the message is done with."""
    ANSWERED = "answered with an error"
    """SES very probably does not have it. Noted on the attempt, which may be made again on evidence."""
    UNANSWERED = "unanswered"
    """SES may have it. The notification stays SENDING until an event or a person decides."""


@dataclass(frozen=True)
class Failure:
    """A call that did not succeed. `code` is safe to log: it never holds what a customer supplied."""

    certainty: Certainty
    code: str


SES_ERROR_CODES = {
    "TooManyRequestsException": Certainty.LATER,
    "ThrottlingException": Certainty.LATER,
    "Throttling": Certainty.LATER,
    "RequestLimitExceeded": Certainty.LATER,
    "LimitExceededException": Certainty.LATER,
    "SendingPausedException": Certainty.LATER,
    "AccountSuspendedException": Certainty.CONFIGURATION,
    "MailFromDomainNotVerifiedException": Certainty.CONFIGURATION,
    "NotFoundException": Certainty.CONFIGURATION,
    "AccessDeniedException": Certainty.CONFIGURATION,
    "MessageRejected": Certainty.CONFIGURATION,
    "BadRequestException": Certainty.CONFIGURATION,
}
"""Codes of SendEmail (SES API v2 reference, "SendEmail", Errors, and "Common errors"). An answer with a code
that is not listed goes by its HTTP status. MessageRejected and BadRequestException are final only for
`FINAL_TEXTS`: most of their texts speak of identities, the sandbox or our own request."""

FINAL_TEXTS = (
    "address blacklisted",
    "illegal address",
    "local address contains control or whitespace",
    "local address contains illegal character",
    "local address starts with dot",
    "local address ends with dot",
    "local address contains dot-dot",
    "domain contains control or whitespace",
    "domain contains illegal character",
    "domain contains dot-dot",
    "domain starts with dot",
    "domain ends with dot",
    "missing domain",
    "missing final '@domain'",
)
"""Texts of SES that speak of the recipient's address alone, in lower case. The sender's address can't cause
them: the template's constraint on it is stricter than SES."""

THROTTLED_STATUS = 429
REQUEST_TIMEOUT_STATUS = 408
SERVER_ERROR_STATUS = 500

NETWORK_ERRORS: tuple[tuple[type[BotoCoreError], Certainty], ...] = (
    (ConnectTimeoutError, Certainty.LATER),
    (EndpointConnectionError, Certainty.LATER),
    (ProxyConnectionError, Certainty.LATER),
    (NoCredentialsError, Certainty.CONFIGURATION),
    (PartialCredentialsError, Certainty.CONFIGURATION),
    (ParamValidationError, Certainty.CONFIGURATION),
    (ReadTimeoutError, Certainty.UNANSWERED),
    (ConnectionClosedError, Certainty.UNANSWERED),
    (SSLError, Certainty.UNANSWERED),
    (HTTPClientError, Certainty.UNANSWERED),
)
"""Exceptions of botocore, the first that fits counts. Only what fails before the request goes out is a clear
no. An SSLError may come with the answer, so it is not. What is not listed is unanswered."""


LEDGER_ERROR_CODES = {
    "ProvisionedThroughputExceededException": Certainty.LATER,
    "RequestLimitExceeded": Certainty.LATER,
    "ThrottlingException": Certainty.LATER,
    "InternalServerError": Certainty.LATER,
    "ServiceUnavailable": Certainty.LATER,
    "TransactionConflictException": Certainty.LATER,
    "ReplicatedWriteConflictException": Certainty.LATER,
    "ItemCollectionSizeLimitExceededException": Certainty.CONFIGURATION,
    "ResourceNotFoundException": Certainty.CONFIGURATION,
    "AccessDeniedException": Certainty.CONFIGURATION,
    "ValidationException": Certainty.CONFIGURATION,
    "KMSAccessDeniedException": Certainty.CONFIGURATION,
    "KMSDisabledException": Certainty.CONFIGURATION,
    "KMSInvalidStateException": Certainty.CONFIGURATION,
    "KMSNotFoundException": Certainty.CONFIGURATION,
    "KMSThrottlingException": Certainty.LATER,
}
"""Codes of UpdateItem and GetItem (DynamoDB API reference, and the developer guide's "Error handling"),
when the ledger is asked before a send. ConditionalCheckFailedException is no error here."""


class LedgerUnavailableError(Exception):
    """The ledger could not be read or written; `failure` says for how long and is safe to log."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"the ledger is not available: {failure.code}, {failure.certainty}")
        self.failure = failure


def classify_ledger_error(error: Exception) -> Failure:
    """What an error of DynamoDB says of a message for which nothing has been sent yet: always a clear no.

    A write whose answer was lost is harmless, since it is recognised when it is tried again.
    """
    if not isinstance(error, ClientError):
        return Failure(Certainty.LATER, type(error).__name__)
    code = error.response.get("Error", {}).get("Code", "Unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", SERVER_ERROR_STATUS)
    passing = status >= SERVER_ERROR_STATUS or status == THROTTLED_STATUS
    by_status = Certainty.LATER if passing else Certainty.CONFIGURATION
    return Failure(LEDGER_ERROR_CODES.get(code, by_status), code)


def classify(error: Exception) -> Failure:
    """What a failed SendEmail says about the message.

    Parameters
    ----------
    error
        What the call raised.

    Returns
    -------
    Failure
        ANSWERED or UNANSWERED wherever it isn't certain that SES does not have the message.
    """
    if isinstance(error, ClientError):
        return _classify_answer(error)
    for kind, certainty in NETWORK_ERRORS:
        if isinstance(error, kind):
            return Failure(certainty, type(error).__name__)
    return Failure(Certainty.UNANSWERED, type(error).__name__)


def _classify_answer(error: ClientError) -> Failure:
    code = error.response.get("Error", {}).get("Code", "Unknown")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", SERVER_ERROR_STATUS)
    if status >= SERVER_ERROR_STATUS or status == REQUEST_TIMEOUT_STATUS:
        return Failure(Certainty.ANSWERED, code)
    if code in ("MessageRejected", "BadRequestException") and _is_final(error):
        return Failure(Certainty.NEVER, code)
    by_status = Certainty.LATER if status == THROTTLED_STATUS else Certainty.CONFIGURATION
    return Failure(SES_ERROR_CODES.get(code, by_status), code)


def _is_final(error: ClientError) -> bool:
    message = error.response.get("Error", {}).get("Message", "").lower()
    return any(text in message for text in FINAL_TEXTS)
