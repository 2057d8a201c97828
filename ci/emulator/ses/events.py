"""The event records that SES publishes: pure functions from a sending to JSON.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ci.emulator.ses.addresses import domain_of
from ci.emulator.ses.message import Message
from ci.emulator.ses.outcomes import Outcome

Event = dict[str, Any]

# Headers beyond this size are left out of a record.
MAX_HEADER_BYTES = 10 * 1024

OUTGOING_IP = "192.0.2.25"
REPORTING_MTA = "a8-25.smtp-out.amazonses.com"
# SES goes on trying for 14 hours at most.
# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_DeliveryOptions.html (MaxDeliverySeconds)
RETRY_SECONDS = 14 * 3600.0

# eventType in the record, and the name under which an event destination asks for it.
MATCHING_EVENT_TYPE = {
    "Send": "SEND",
    "Delivery": "DELIVERY",
    "Bounce": "BOUNCE",
    "Complaint": "COMPLAINT",
    "Reject": "REJECT",
    "DeliveryDelay": "DELIVERY_DELAY",
    "Rendering Failure": "RENDERING_FAILURE",
}

# What the recipient's server says, by the bounce's subtype: status and diagnostic code.
BOUNCE_STATUS = {
    ("Permanent", "General"): ("5.1.1", "smtp; 550 5.1.1 user unknown"),
    ("Permanent", "NoEmail"): ("5.1.1", "smtp; 550 5.1.1 no such mailbox"),
    ("Permanent", "Suppressed"): (
        "5.1.1",
        "Amazon SES has suppressed sending to this address because it has a recent history of bouncing",
    ),
    ("Permanent", "OnAccountSuppressionList"): (
        "5.1.1",
        "Amazon SES did not send the message to this address because it is on the suppression list",
    ),
    ("Transient", "General"): ("4.0.0", "smtp; 451 4.0.0 try again later"),
    ("Transient", "MailboxFull"): ("4.2.2", "smtp; 452 4.2.2 mailbox full"),
    ("Transient", "MessageTooLarge"): ("5.3.4", "smtp; 552 5.3.4 message too large"),
    ("Transient", "ContentRejected"): ("5.6.0", "smtp; 554 5.6.0 content refused"),
    ("Transient", "AttachmentRejected"): ("5.6.1", "smtp; 554 5.6.1 attachment refused"),
    ("Transient", "CustomTimeoutExceeded"): ("4.4.7", "smtp; 550 4.4.7 delivery time expired"),
}
ANY_BOUNCE_STATUS = ("5.0.0", "smtp; 550 5.0.0 undetermined")


@dataclass(frozen=True)
class Sending:
    """An accepted message and what its events tell of its circumstances.

    Parameters
    ----------
    accepted_at
        Epoch seconds.
    caller
        The Lambda function that sent it, or ''.
    caller_identity
        The IAM role or user, by name.
    """

    message: Message
    message_id: str
    accepted_at: float
    account: str
    region: str
    identity_arn: str
    source_ip: str
    caller: str
    caller_identity: str


def new_id() -> str:
    """Return an id in SES's form: a prefix and the milliseconds in hex, a UUID, six digits."""
    return f"0100{int(time.time() * 1000):012x}-{uuid.uuid4()}-000000"


def timestamp(seconds: float) -> str:
    """Return epoch seconds as `2017-08-05T00:40:02.012Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def send(sending: Sending) -> Event:
    """SES accepted the message, even if a suppression list then holds it back."""
    return {"eventType": "Send", "mail": _mail(sending), "send": {}}


def of_outcome(outcome: Outcome, sending: Sending, recipient: str, at: float) -> Event:
    """Return the record of one outcome at one recipient, at a time (epoch seconds)."""
    event = _BUILDERS[outcome.event](outcome, sending, recipient, at)
    details = next(value for name, value in event.items() if name not in ("eventType", "mail"))
    for name in outcome.without:
        details.pop(name, None)
    return event


def _delivery(_: Outcome, sending: Sending, recipient: str, at: float) -> Event:
    return {
        "eventType": "Delivery",
        "mail": _mail(sending, {"ses:outgoing-ip": [OUTGOING_IP]}),
        "delivery": {
            "timestamp": timestamp(at),
            "processingTimeMillis": round((at - sending.accepted_at) * 1000),
            "recipients": [recipient],
            "smtpResponse": "250 2.6.0 Message received",
            "reportingMTA": REPORTING_MTA,
        },
    }


def _bounce(outcome: Outcome, sending: Sending, recipient: str, at: float) -> Event:
    status, diagnostic = BOUNCE_STATUS.get((outcome.type, outcome.subtype), ANY_BOUNCE_STATUS)
    bounced = {"emailAddress": recipient}
    if "reportingMTA" not in outcome.without:  # These fields come from the same notification.
        bounced |= {"action": "failed", "status": status, "diagnosticCode": diagnostic}
    return {
        "eventType": "Bounce",
        "bounce": {
            "bounceType": outcome.type,
            "bounceSubType": outcome.subtype,
            "bouncedRecipients": [bounced],
            "timestamp": timestamp(at),
            "feedbackId": new_id(),
            "reportingMTA": f"dsn; {REPORTING_MTA}",
        },
        "mail": _mail(sending),
    }


def _complaint(outcome: Outcome, sending: Sending, recipient: str, at: float) -> Event:
    complaint: dict[str, Any] = {
        "complainedRecipients": [{"emailAddress": recipient}],
        "timestamp": timestamp(at),
        "feedbackId": new_id(),
    }
    if outcome.subtype:
        complaint["complaintSubType"] = outcome.subtype
    if outcome.type:  # What a feedback report says; a complaint from a suppression list has none.
        complaint |= {
            "userAgent": "ExampleFeedbackLoop/1.0",
            "complaintFeedbackType": outcome.type,
            "arrivalDate": timestamp(at),
        }
    return {"eventType": "Complaint", "complaint": complaint, "mail": _mail(sending)}


def _reject(_: Outcome, sending: Sending, recipient: str, at: float) -> Event:
    return {"eventType": "Reject", "mail": _mail(sending), "reject": {"reason": "Bad content"}}


def _delivery_delay(outcome: Outcome, sending: Sending, recipient: str, at: float) -> Event:
    return {
        "eventType": "DeliveryDelay",
        "mail": _short_mail(sending),
        "deliveryDelay": {
            "timestamp": timestamp(at),
            "delayType": outcome.type,
            "expirationTime": timestamp(sending.accepted_at + RETRY_SECONDS),
            "delayedRecipients": [
                {
                    "emailAddress": recipient,
                    "status": "4.4.1",
                    "diagnosticCode": "smtp; 421 4.4.1 try again later",
                }
            ],
        },
    }


def _rendering_failure(_: Outcome, sending: Sending, recipient: str, at: float) -> Event:
    return {
        "eventType": "Rendering Failure",
        "mail": _short_mail(sending),
        "failure": {
            "errorMessage": "Attribute 'name' is not present in the rendering data.",
            "templateName": "template",
        },
    }


_BUILDERS: dict[str, Callable[[Outcome, Sending, str, float], Event]] = {
    "Delivery": _delivery,
    "Bounce": _bounce,
    "Complaint": _complaint,
    "Reject": _reject,
    "DeliveryDelay": _delivery_delay,
    "Rendering Failure": _rendering_failure,
}


def _mail(sending: Sending, more_tags: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """The `mail` object of events about a message whose content SES has seen."""
    message = sending.message
    headers, truncated = _headers(message)
    cc = {"cc": message.cc} if message.cc else {}
    common = {"from": [message.source], "to": message.to, **cc, "messageId": sending.message_id}
    short = _short_mail(sending)
    tags = {
        "ses:source-ip": [sending.source_ip],
        "ses:from-domain": [domain_of(message.source)],
        "ses:caller-identity": [sending.caller_identity],
        **(more_tags or {}),
    }
    return {
        **short,
        "headersTruncated": truncated,
        "headers": headers,
        "commonHeaders": {**common, "subject": message.subject},
        "tags": {**short["tags"], **tags},
    }


def _short_mail(sending: Sending) -> dict[str, Any]:
    """The `mail` object of AWS's DeliveryDelay and Rendering Failure examples: without headers."""
    message = sending.message
    return {
        "timestamp": timestamp(sending.accepted_at),
        "source": message.source,
        "sourceArn": sending.identity_arn,
        "sendingAccountId": sending.account,
        "messageId": sending.message_id,
        "destination": [*message.to, *message.cc, *message.bcc],
        "headersTruncated": False,
        "tags": {
            "ses:configuration-set": [message.configuration_set],
            **{name: [value] for name, value in message.tags.items()},
        },
    }


def _headers(message: Message) -> tuple[list[dict[str, str]], bool]:
    kept: list[dict[str, str]] = []
    size = 0
    for header in message.headers:
        size += len(header["name"]) + len(header["value"].encode())
        if size > MAX_HEADER_BYTES:
            return kept, True
        kept.append(header)
    return kept, False
