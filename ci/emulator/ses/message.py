"""SendEmail's request as one value, checked against the rules that need no account.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, replace
from typing import Any

from ci.emulator.ses import addresses
from ci.emulator.ses.errors import SesError

# Recipients of a message, and its bytes after base64 encoding.
# https://docs.aws.amazon.com/ses/latest/dg/quotas.html
MAX_RECIPIENTS = 50
MAX_MESSAGE_BYTES = 40 * 1024 * 1024

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageTag.html
MAX_TAGS = 50
MAX_TAG_LENGTH = 256
_TAG = re.compile(r"[A-Za-z0-9_-]+")

# https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_MessageHeader.html
MAX_HEADERS = 15
_HEADER_RULES = (
    ("Name", 126, re.compile(r"^[!-9;-@A-~]+$")),
    ("Value", 995, re.compile(r"^[ -~]*$")),
)

HTML_AND_TEXT = "multipart/alternative"


@dataclass(frozen=True)
class Message:
    """One message to send.

    Parameters
    ----------
    source
        The From address as written, display name included.
    headers
        What the recipient's mail shows, in order, as `name` and `value`.
    size_bytes
        Subject and bodies.
    """

    source: str
    to: list[str]
    cc: list[str]
    bcc: list[str]
    tags: dict[str, str]
    configuration_set: str
    subject: str = ""
    html: str = ""
    text: str = ""
    headers: tuple[dict[str, str], ...] = ()
    size_bytes: int = 0

    @property
    def recipients(self) -> list[str]:
        """Every bare recipient address: To, then Cc, then Bcc."""
        return [addresses.bare_address(address) for address in (*self.to, *self.cc, *self.bcc)]


def parse(request: dict[str, Any]) -> Message:
    """Read SendEmail's JSON.

    Raises
    ------
    SesError
        BadRequestException, as SES refuses such a request, or because the twin cannot read it.
    """
    content = request.get("Content") or {}
    if set(content) != {"Simple"} or content["Simple"].get("Attachments"):
        raise SesError("BadRequestException", "The emulator reads Simple content without attachments only.")
    destination = request.get("Destination") or {}
    base = Message(
        source=request.get("FromEmailAddress") or "",
        to=list(destination.get("ToAddresses") or []),
        cc=list(destination.get("CcAddresses") or []),
        bcc=list(destination.get("BccAddresses") or []),
        tags=_tags(request.get("EmailTags") or []),
        configuration_set=request.get("ConfigurationSetName") or "",
    )
    message = _simple(content["Simple"], base)
    _check_envelope(message, request.get("ReplyToAddresses") or [])
    return message


def _tags(given: list[dict[str, str]]) -> dict[str, str]:
    if len(given) > MAX_TAGS:
        raise SesError("BadRequestException", f"There can be at most {MAX_TAGS} tags, not {len(given)}.")
    for tag in given:
        for part, value in (("name", tag["Name"]), ("value", tag["Value"])):
            if len(value) > MAX_TAG_LENGTH:
                raise SesError(
                    "BadRequestException", f"Tag {part} cannot exceed {MAX_TAG_LENGTH} characters."
                )
            if not _TAG.fullmatch(value):
                raise SesError(
                    "BadRequestException",
                    f"Invalid tag {part} <{value}>: "
                    "only alphanumeric ASCII characters, '_', and '-' are allowed.",
                )
    return {tag["Name"]: tag["Value"] for tag in given}


def _check_envelope(message: Message, reply_to: list[str]) -> None:
    """Check addresses before their number, as SES does."""
    if not message.source:
        raise SesError("BadRequestException", "Source email is required.")
    for address in (message.source, *message.to, *message.cc, *message.bcc, *reply_to):
        addresses.check(address)
    if not message.recipients:
        raise SesError("BadRequestException", "There are no recipients specified.")
    if len(message.recipients) > MAX_RECIPIENTS:
        raise SesError("BadRequestException", f"Recipient count exceeds {MAX_RECIPIENTS}.")
    if message.size_bytes > MAX_MESSAGE_BYTES:
        raise SesError(
            "BadRequestException",
            f"Message length is more than {MAX_MESSAGE_BYTES} bytes long: '{message.size_bytes}'.",
        )


def _simple(content: dict[str, Any], base: Message) -> Message:
    body = content.get("Body") or {}
    text = (body.get("Text") or {}).get("Data") or ""
    html = (body.get("Html") or {}).get("Data") or ""
    subject = (content.get("Subject") or {}).get("Data") or ""
    if not text and not html:
        raise SesError("BadRequestException", "The body must have text or HTML.")
    return replace(
        base,
        subject=subject,
        html=html,
        text=text,
        headers=_generated_headers(base, subject, html, text, content.get("Headers") or []),
        size_bytes=len((subject + text + html).encode()),
    )


def _generated_headers(
    base: Message, subject: str, html: str, text: str, added: list[dict[str, str]]
) -> tuple[dict[str, str], ...]:
    """The headers of a message that SES itself puts together, and the caller's own."""
    _check_headers(added)
    boundary = f'boundary="----=_Part_{secrets.token_hex(10)}"'
    kind = "text/html" if html else "text/plain"
    content_type = f"{HTML_AND_TEXT}; {boundary}" if html and text else f"{kind}; charset=UTF-8"
    values = {"From": base.source, "To": ", ".join(base.to), "Cc": ", ".join(base.cc), "Subject": subject}
    values |= {"MIME-Version": "1.0", "Content-Type": content_type}
    values |= {header["Name"]: header["Value"] for header in added}
    return tuple({"name": name, "value": value} for name, value in values.items() if value)


def _check_headers(headers: list[dict[str, str]]) -> None:
    if len(headers) > MAX_HEADERS:
        raise _constraint("headers", f"Member must have length less than or equal to {MAX_HEADERS}")
    for number, header in enumerate(headers, 1):
        for part, longest, pattern in _HEADER_RULES:
            member = f"headers.{number}.member.{part.lower()}"
            if len(header[part]) > longest:
                raise _constraint(member, f"Member must have length less than or equal to {longest}")
            if not pattern.match(header[part]):
                raise _constraint(
                    member, f"Member must satisfy regular expression pattern: {pattern.pattern}"
                )


def _constraint(member: str, rule: str) -> SesError:
    return SesError(
        "BadRequestException",
        f"1 validation error detected: Value at 'content.simple.{member}' "
        f"failed to satisfy constraint: {rule}",
    )
