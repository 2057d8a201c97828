"""The errors that SES v2 answers with, as its API model has them."""

from __future__ import annotations

import json

Response = tuple[int, dict[str, str], bytes]

# The errors that the twin answers with, and their HTTP status.
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
STATUS = {
    "AccountSuspendedException": 400,
    "BadRequestException": 400,
    "MailFromDomainNotVerifiedException": 400,
    "MessageRejected": 400,
    "NotFoundException": 404,
    "SendingPausedException": 400,
    "TooManyRequestsException": 429,
}


class SesError(Exception):
    """A refusal.

    Parameters
    ----------
    code
        A key of `STATUS`.
    message
        The text that the caller reads.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    def response(self) -> Response:
        """Return the HTTP answer: status, headers, body."""
        headers = {"Content-Type": "application/json", "x-amzn-ErrorType": self.code}
        return STATUS[self.code], headers, json.dumps({"message": str(self)}).encode()
