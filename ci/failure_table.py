"""Render docs/failures.md from the table in the code: `python -m ci.failure_table`."""

from __future__ import annotations

from pathlib import Path

from notifications.failures import (
    FINAL_TEXTS,
    LEDGER_ERROR_CODES,
    NETWORK_ERRORS,
    SES_ERROR_CODES,
    Certainty,
)

PAGE = Path(__file__).resolve().parent.parent / "docs" / "failures.md"

MEANING = {
    Certainty.LATER: "not sent; the claim is released and the message waits, with a growing back-off",
    Certainty.CONFIGURATION: "not sent; waits likewise until somebody mends it, and counts as a send failure",
    Certainty.NEVER: "not sent; the notification is FAILED and the message is done with",
    Certainty.ANSWERED: "SES very probably does not have it; sent again if nothing speaks against it",
    Certainty.UNANSWERED: "SES may have it; an event settles it, else a person",
}


def render() -> str:
    """The whole page."""
    rows = [(f"`{code}`", certainty) for code, certainty in SES_ERROR_CODES.items()]
    rows += [
        ("`MessageRejected`, `BadRequestException` with one of the texts below", Certainty.NEVER),
        ("any other code with HTTP status 429", Certainty.LATER),
        ("any other code with HTTP status 4xx", Certainty.CONFIGURATION),
        ("HTTP status 408 or 5xx, whatever the code", Certainty.ANSWERED),
    ]
    rows += [(f"botocore's `{kind.__name__}`", certainty) for kind, certainty in NETWORK_ERRORS]
    rows += [
        ("anything else, and the death of the process", Certainty.UNANSWERED),
    ]
    ledger_rows = [(f"`{code}`", certainty) for code, certainty in LEDGER_ERROR_CODES.items()]
    ledger_rows += [
        ("any other code with HTTP status 4xx", Certainty.CONFIGURATION),
        (
            "HTTP status 429 or 5xx, a failed connection, no answer, a record that keeps changing",
            Certainty.LATER,
        ),
    ]
    return "\n".join(
        [
            "# What each failure means for the message",
            "",
            "Made from `functions/notifications/failures.py` by `python -m ci.failure_table`; do not edit.",
            "",
            "| Answer of SES, or what happened | Known | What becomes of the message |",
            "| --- | --- | --- |",
            *(f"| {what} | {certainty} | {MEANING[certainty]} |" for what, certainty in rows),
            "",
            "DynamoDB, when the claim is written, so before anything is sent:",
            "",
            "| Answer of DynamoDB, or what happened | Known | What becomes of the message |",
            "| --- | --- | --- |",
            *(f"| {what} | {certainty} | {MEANING[certainty]} |" for what, certainty in ledger_rows),
            "",
            "When the result cannot be written, after the call to SES, the record stays SENDING whatever",
            "DynamoDB said, as without an answer: an event settles it, else a person.",
            "",
            "Texts with which SES says that an address will never do (compared without case):",
            "",
            *(f"- {text}" for text in FINAL_TEXTS),
            "",
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(render())
