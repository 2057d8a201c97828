"""SendEmail's request as one value, checked against the rules that need no account.

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
"""

from __future__ import annotations

import base64
import re
import secrets
from dataclasses import dataclass, replace
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from email.utils import getaddresses
from typing import Any

from ci.emulator.ses import addresses, templates
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
        The whole message as it goes out, attachments included.
    searchable
        All content as text: where a virus would be found.
    template_name, rendering_error
        Set when the content is a template, and when its data don't fill it.
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
    searchable: str = ""
    template_name: str = ""
    rendering_error: str = ""

    @property
    def recipients(self) -> list[str]:
        """Every bare recipient address: To, then Cc, then Bcc."""
        return [addresses.bare_address(address) for address in (*self.to, *self.cc, *self.bcc)]


def parse(request: dict[str, Any]) -> Message:
    """Read SendEmail's JSON.

    Raises
    ------
    SesError
        BadRequestException or NotFoundException, as SES refuses such a request.
    """
    content = request.get("Content") or {}
    kinds = [kind for kind in _READERS if content.get(kind)]
    if len(kinds) != 1:
        raise SesError("BadRequestException", "Content must have exactly one of Simple, Raw and Template.")
    destination = request.get("Destination") or {}
    base = Message(
        source=request.get("FromEmailAddress") or "",
        to=list(destination.get("ToAddresses") or []),
        cc=list(destination.get("CcAddresses") or []),
        bcc=list(destination.get("BccAddresses") or []),
        tags=_tags(request.get("EmailTags") or []),
        configuration_set=request.get("ConfigurationSetName") or "",
    )
    message = _READERS[kinds[0]](content[kinds[0]], base)
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
    attachments = [attachment["RawContent"] for attachment in content.get("Attachments") or []]
    return replace(
        base,
        subject=subject,
        html=html,
        text=text,
        headers=_generated_headers(base, subject, html, text, content.get("Headers") or []),
        size_bytes=len((subject + text + html).encode()) + sum(len(attachment) for attachment in attachments),
        searchable="\n".join([subject, text, html, *(_decoded(attachment) for attachment in attachments)]),
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


def _raw(content: dict[str, Any], base: Message) -> Message:
    try:
        data = base64.b64decode(content["Data"], validate=True)
    except ValueError as error:
        raise SesError("BadRequestException", "Raw.Data isn't base64.") from error
    parsed = BytesParser(EmailMessage, policy=policy.default).parsebytes(data)
    source = base.source or str(parsed["From"] or "")
    if not source:
        raise SesError("BadRequestException", "Missing required header 'From'.")
    envelope = bool(base.to or base.cc or base.bcc)
    to, cc, bcc = (_listed(parsed, name) for name in ("To", "Cc", "Bcc"))
    # Tags of the API take the place of those in the header; a configuration set likewise.
    # https://docs.aws.amazon.com/ses/latest/dg/event-publishing-send-email.html
    header_tags = [
        {"Name": name.strip(), "Value": value.strip()}
        for name, _, value in (
            pair.partition("=") for pair in str(parsed["X-SES-MESSAGE-TAGS"] or "").split(",")
        )
        if name.strip()
    ]
    text, html = (parsed.get_body((kind,)) for kind in ("plain", "html"))
    return replace(
        base,
        source=source,
        to=base.to if envelope else to,
        cc=base.cc if envelope else cc,
        bcc=base.bcc if envelope else bcc,
        tags=base.tags or _tags(header_tags),
        configuration_set=base.configuration_set or str(parsed["X-SES-CONFIGURATION-SET"] or ""),
        subject=str(parsed["Subject"] or ""),
        text=text.get_content() if text else "",
        html=html.get_content() if html else "",
        headers=tuple({"name": name, "value": str(value)} for name, value in parsed.items()),
        size_bytes=len(content["Data"]),
        searchable="\n".join(
            bytes(part.get_payload(decode=True) or b"").decode(errors="replace")
            for part in parsed.walk()
            if not part.is_multipart()
        ),
    )


def _listed(parsed: EmailMessage, header: str) -> list[str]:
    return [
        address
        for _, address in getaddresses([str(value) for value in parsed.get_all(header, [])])
        if address
    ]


def _template(content: dict[str, Any], base: Message) -> Message:
    rendered = templates.render(content)
    return replace(
        base,
        subject=rendered.subject,
        html=rendered.html,
        text=rendered.text,
        headers=_generated_headers(
            base, rendered.subject, rendered.html, rendered.text, content.get("Headers") or []
        ),
        size_bytes=len((rendered.subject + rendered.html + rendered.text).encode()),
        searchable="\n".join([rendered.subject, rendered.text, rendered.html]),
        template_name=rendered.template_name,
        rendering_error=rendered.error,
    )


def _decoded(base64_text: str) -> str:
    return base64.b64decode(base64_text).decode(errors="replace")


_READERS = {"Simple": _simple, "Raw": _raw, "Template": _template}
