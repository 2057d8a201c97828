"""Content from a template: MiniStack stores and fills them; here it is noticed when their data don't fit."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from ministack.services import ses as ses_v1
from ministack.services import ses_v2

from ci.emulator.ses.errors import SesError

_ATTRIBUTE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True)
class Rendered:
    """A filled template; `error` says what could not be filled."""

    template_name: str
    subject: str
    html: str
    text: str
    error: str


def render(content: dict[str, Any]) -> Rendered:
    """Fill a template.

    Raises
    ------
    SesError
        NotFoundException when there is no such template, BadRequestException when its name is missing.
    """
    stored, name, refusal = ses_v2._resolve_send_template(content)
    if refusal:
        _, headers, body = refusal
        raise SesError(headers["x-amzn-errortype"], json.loads(body)["message"])
    data = content.get("TemplateData") or "{}"
    parts = "".join(stored[part] for part in ("SubjectPart", "TextPart", "HtmlPart"))
    missing = [attribute for attribute in _ATTRIBUTE.findall(parts) if attribute not in json.loads(data)]
    filled = ses_v1._render_template(stored, data)
    return Rendered(
        template_name=name,
        subject=filled.get("Subject", ""),
        html=filled.get("Html", ""),
        text=filled.get("Text", ""),
        error=f"Attribute '{missing[0]}' is not present in the rendering data." if missing else "",
    )
