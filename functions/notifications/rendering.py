"""From a notification to the email that the customer reads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    TemplateError,
    TemplateRuntimeError,
    select_autoescape,
)

from notifications.email_types import TYPES_DIRECTORY
from notifications.order_event import Notification

MINOR_UNITS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""Digits after the point of currencies that do not have two (ISO 4217,
https://www.six-group.com/en/products-services/financial-information/data-standards.html)."""


class RenderingError(Exception):
    """An email could not be written; the text names template and field, and holds no value of the event."""


@dataclass(frozen=True)
class RenderedEmail:
    """An email, ready to be sent.

    Attributes
    ----------
    subject
        One line without control characters.
    html, text
        The same message twice, for clients that show HTML and for those that do not.
    from_name
        Display name for the sender's address.
    reply_to
        Address that answers of the customer go to.
    """

    subject: str
    html: str
    text: str
    from_name: str
    reply_to: str


class Renderer:
    """Writes emails from templates. It keeps them compiled: make one per process."""

    def __init__(self, types_directory: Path = TYPES_DIRECTORY) -> None:
        self._brand = json.loads((types_directory / "brand.json").read_text(encoding="utf-8"))
        self._environment = Environment(
            loader=FileSystemLoader(types_directory),
            autoescape=select_autoescape(("html.j2",)),
            undefined=StrictUndefined,
            finalize=_present,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.filters.update(money=self._money, line_total=line_total, moment=moment)
        self._environment.globals["brand"] = self._brand

    def render(self, notification: Notification) -> RenderedEmail:
        """Write the email that `notification` asks for. The same notification gives the same bytes.

        Raises
        ------
        RenderingError
            A value that a template needs is missing, or the subject is not one line.
        """
        subject = self._fill(f"{notification.type}/subject.txt.j2", notification.data).strip()
        if not subject.isprintable() or not subject:
            raise RenderingError(
                f"{notification.type}/subject.txt.j2: the subject must be one printable line"
            )
        return RenderedEmail(
            subject=subject,
            html=self._fill(f"{notification.type}/body.html.j2", notification.data),
            text=self._fill(f"{notification.type}/body.txt.j2", notification.data),
            from_name=self._brand["from_name"],
            reply_to=self._brand["support_email"],
        )

    def _fill(self, template: str, data: dict[str, Any]) -> str:
        try:
            return self._environment.get_template(template).render(data)
        except TemplateError as error:
            raise RenderingError(f"{template}: {error.message}") from None
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise RenderingError(f"{template}: a filter failed with {type(error).__name__}") from None

    def _money(self, amount: str | Decimal, currency: str) -> str:
        """Format as ``$1,234.50``, or ``1,234.50 CHF`` without a symbol in the brand; drops no digit."""
        value = Decimal(str(amount))
        exponent = value.normalize().as_tuple().exponent
        decimals = max(MINOR_UNITS.get(currency, 2), -int(exponent))
        number = f"{value:,.{decimals}f}"
        symbol = self._brand["currency_symbols"].get(currency)
        return f"{symbol}{number}" if symbol else f"{number} {currency}"


def line_total(item: dict[str, Any]) -> Decimal:
    """Price of all pieces of an order line, exact."""
    unit_price, quantity = Decimal(item["unit_price"]), Decimal(item["quantity"])
    return unit_price * quantity


def moment(iso_8601: str) -> str:
    """Format a date and time as ``24 November 2026, 06:00 UTC``."""
    utc = datetime.fromisoformat(str(iso_8601)).astimezone(UTC)
    return f"{utc.day} {utc:%B %Y, %H:%M} UTC"


def _present(value: Any) -> Any:
    """Fail on what a template would print as a blank or as the word None."""
    if value is None or value == "":
        raise TemplateRuntimeError("a value is blank")
    return value
