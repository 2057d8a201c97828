"""The email that the customer reads: complete, on brand, and nothing in it but what we wrote."""

import dataclasses
import json
import re
import shutil
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifications.email_types import TYPES_DIRECTORY, EmailTypes
from notifications.order_event import parse
from notifications.rendering import Renderer, RenderingError

TYPES = EmailTypes()
RENDERER = Renderer()
BRAND = json.loads((TYPES_DIRECTORY / "brand.json").read_text(encoding="utf-8"))
NOW = datetime(2026, 11, 24, 6, 0, 30, tzinfo=UTC)
GMAIL_CLIPS_AT_BYTES = 102 * 1000
TIMES = "\N{MULTIPLICATION SIGN}"
SAMPLE = parse(json.dumps(TYPES.get("order_confirmation").sample), NOW, TYPES)


def order(**fields):
    return {**TYPES.get("order_confirmation").sample, **fields}


def rendered(**fields):
    return RENDERER.render(parse(json.dumps(order(**fields)), NOW, TYPES))


def rendered_unchecked(data):
    return RENDERER.render(dataclasses.replace(SAMPLE, data=data))


def item(name="Tea", quantity=1, unit_price="1.00"):
    return {"sku": "S", "name": name, "quantity": quantity, "unit_price": unit_price}


class Skeleton(HTMLParser):
    """Markup of a page: tags, attributes and comments, without the texts and the values that carry data."""

    def __init__(self, html):
        super().__init__()
        self.parts: list[Any] = []
        self.links = []
        self.texts = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name == "href"]
        carries_data = {"href", "aria-label"}
        self.parts.append((tag, [(name, None if name in carries_data else value) for name, value in attrs]))

    def handle_endtag(self, tag):
        self.parts.append(f"/{tag}")

    def handle_comment(self, data):
        self.parts.append(f"!--{data}")

    def handle_decl(self, decl):
        self.parts.append(f"!{decl}")

    def unknown_decl(self, data):
        self.parts.append(f"![{data}")

    def handle_pi(self, data):
        self.parts.append(f"?{data}")

    def handle_data(self, data):
        self.texts.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


ATTACKS = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</td></tr></table>", "<!-- ",
    "--> <![endif]-->", "{{ 7 * 7 }}", "{% include 'brand.json' %}", "{# #}",
    "${7*7}", "&lt;b&gt;", "' onmouseover='alert(1)", "]]>",
    "\u202eesrever", "</title><h1>", "</style>", "<?php ?>",
    "javascript:alert(1)", "=?utf-8?q?=0ABcc?=", "\\n", "%0ABcc:",
]  # fmt: skip
TEXTS = (
    st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), min_size=1, max_size=60)
    | st.sampled_from(ATTACKS)
    | st.text('<>"&{}%#-!/= a', min_size=1, max_size=60)
).filter(str.strip)
NAMES = TEXTS.filter(lambda text: not re.search(r"://|www\.", text, re.IGNORECASE))
ORDER_IDS = st.from_regex(r"[A-Za-z0-9][ -~]{0,100}[!-~]", fullmatch=True)
URLS = st.from_regex(r"https://example\.com/[A-Za-z0-9._~:/?#@!$&'()*+,;=%\[\]-]{0,60}", fullmatch=True)


@given(texts=st.tuples(NAMES, TEXTS, TEXTS, TEXTS), order_id=ORDER_IDS, url=URLS)
@example(texts=ATTACKS[0:4], order_id="A<b>", url="https://example.com/?a='&b=&quot;")
@example(texts=ATTACKS[4:8], order_id="A{{ 7 * 7 }}", url="https://example.com/#")
def test_nothing_in_an_order_becomes_markup_headers_or_lines_of_its_own(texts, order_id, url):
    name, item_name, carrier, number = texts
    email = rendered(
        customer={"email": "ada@example.com", "name": name},
        order_id=order_id,
        items=[item(item_name)],
        tracking={"carrier": carrier, "number": number, "url": url},
    )
    plain = rendered(items=[item()])
    page = Skeleton(email.html)
    assert page.parts == Skeleton(plain.html).parts
    assert all(link.startswith(("https://", "mailto:")) for link in page.links)
    assert url in page.links
    assert email.subject.isprintable()
    assert email.subject == f"Your order {order_id} is confirmed"
    assert (email.from_name, email.reply_to) == (plain.from_name, plain.reply_to)
    assert len(email.text.splitlines()) == len(plain.text.splitlines())
    assert item_name in email.text
    assert name.strip() in email.text


def test_template_code_is_printed_as_it_is_when_a_name_contains_it():
    email = rendered(items=[item("{{ 7 * 7 }} {% raw %} {{ brand }}")])
    assert "{{ 7 * 7 }} {% raw %} {{ brand }}" in unescape(email.html)
    assert "{{ 7 * 7 }} {% raw %} {{ brand }}" in email.text


def test_order_number_cannot_add_a_header_to_the_support_mail():
    links = Skeleton(rendered(order_id="A&cc=eve@example.com?x#y").html).links
    assert f"mailto:{BRAND['support_email']}?subject=Order%20A%26cc%3Deve%40example.com%3Fx%23y" in links


@pytest.mark.parametrize("part", ["html", "text"])
def test_email_says_everything_about_the_order_in_both_forms(part):
    email = rendered()
    shown = Skeleton(email.html).text if part == "html" else " ".join(email.text.split())
    for expected in (
        "Hello Ada Lovelace",
        "A-1001",
        "24 November 2026, 06:00 UTC",
        "Green tea, loose leaf, 100 g",
        f"2 {TIMES} $9.95",
        "$19.90",
        "Cast-iron teapot with infuser, 0.8 l",
        f"1 {TIMES} $64.00",
        "$88.80",
        "UPS",
        "1Z999AA10123456784",
        BRAND["support_email"],
        BRAND["postal_address"],
        BRAND["website"],
        f"You get this email because you placed an order with {BRAND['name']}.",
    ):
        assert expected in shown, expected


def test_email_links_to_the_carrier_only_when_there_is_tracking():
    url = "https://www.ups.com/track?loc=en_US&tracknum=1Z999AA10123456784"
    assert url in Skeleton(rendered().html).links
    assert url in rendered().text
    event = order()
    del event["tracking"]
    email = RENDERER.render(parse(json.dumps(event), NOW, TYPES))
    assert "delivery" not in email.html.lower()
    assert "delivery" not in email.text.lower()


def test_email_is_the_same_bytes_when_it_is_rendered_again():
    assert Renderer().render(SAMPLE) == RENDERER.render(SAMPLE) == RENDERER.render(SAMPLE)


@pytest.mark.parametrize("character", ['"', "&", "🎉"])
def test_html_is_not_clipped_by_gmail_when_the_largest_order_has_the_longest_texts(character):
    line = item(character * 300, 100_000, "999999999999.9999")
    email = rendered_unchecked(
        order(
            order_id="A" + character * 127,
            customer={"email": "ada@example.com", "name": character * 100},
            items=[line] * 500,
            total={"amount": "999999999999.9999", "currency": "CHF"},
            tracking={
                "carrier": character * 64,
                "number": character * 64,
                "url": "https://e.com/" + "&" * 2034,
            },
        )
    )
    assert len(email.html.encode()) < GMAIL_CLIPS_AT_BYTES


def test_html_sums_up_the_rest_when_an_order_has_more_lines_than_it_shows():
    items = [item(f"Tea {number}", 2, "1.05") for number in range(1, 501)]
    email = rendered(items=items)
    page = Skeleton(email.html).text
    assert "Tea 80 " in page
    assert "Tea 81 " not in page
    assert "and 420 more items $882.00" in page
    assert all(f"* Tea {number}\n" in email.text for number in range(1, 501))
    assert "and 1 more item $2.10" in Skeleton(rendered(items=items[:81]).html).text
    assert "more item" not in rendered(items=items[:80]).html


def without(data, *path):
    copy = json.loads(json.dumps(data))
    node = copy
    for key in path[:-1]:
        node = node[key]
    del node[path[-1]]
    return copy


@pytest.mark.parametrize(
    "path",
    [
        ("order_id",),
        ("customer", "name"),
        ("items", 1, "name"),
        ("items", 1, "quantity"),
        ("items", 0, "unit_price"),
        ("total", "amount"),
        ("total", "currency"),
        ("ordered_at",),
        ("tracking", "carrier"),
        ("tracking", "url"),
    ],
)
def test_rendering_fails_and_names_the_field_when_a_value_is_missing(path):
    with pytest.raises(RenderingError, match=path[-1]) as caught:
        rendered_unchecked(without(SAMPLE.data, *path))
    assert not any(text in str(caught.value) for text in ("Ada", "ada@", "tea", "1001"))


@pytest.mark.parametrize("blank", [None, ""])
def test_rendering_fails_when_a_value_would_be_printed_as_a_blank(blank):
    with pytest.raises(RenderingError):
        rendered_unchecked({**SAMPLE.data, "order_id": blank})


def test_rendering_fails_without_personal_data_when_a_value_has_the_wrong_kind():
    with pytest.raises(RenderingError) as caught:
        rendered_unchecked({**SAMPLE.data, "ordered_at": "Ada Lovelace"})
    assert "Ada" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_rendering_fails_when_the_subject_is_not_one_line():
    with pytest.raises(RenderingError, match="one printable line"):
        rendered_unchecked({**SAMPLE.data, "order_id": "A\r\nBcc: eve@example.com"})


@pytest.mark.parametrize(
    ("amount", "currency", "formatted"),
    [
        ("19.9", "USD", "$19.90"),
        ("1234567.5", "EUR", "€1,234,567.50"),
        ("1234.5", "CHF", "1,234.50 CHF"),
        ("1999", "JPY", "¥1,999"),
        ("1999.00", "JPY", "¥1,999"),
        ("1990", "CLP", "1,990 CLP"),
        ("1.5", "KWD", "1.500 KWD"),
        ("0", "USD", "$0.00"),
        ("0.0125", "USD", "$0.0125"),
        ("999999999999.9999", "GBP", "£999,999,999,999.9999"),
    ],
)
def test_money_has_symbol_separators_and_every_digit_that_counts(amount, currency, formatted):
    assert f"TOTAL: {formatted}\n" in rendered(total={"amount": amount, "currency": currency}).text


def test_line_total_is_exact_when_floating_point_would_not_be():
    assert f"3 {TIMES} $1.10 = $3.30" in rendered(items=[item("Tea", 3, "1.10")]).text
    assert f"100000 {TIMES} $999,999,999,999.9999 = $99,999,999,999,999,990.00" in (
        rendered(items=[item("Tea", 100_000, "999999999999.9999")]).text
    )


def test_date_is_shown_in_utc_when_the_order_has_another_offset():
    assert "1 December 2025, 01:30 UTC" in rendered(ordered_at="2025-11-30T23:30:00-02:00").text


def test_html_is_accessible():
    html = rendered().html
    tags: list[tuple[str, Any]] = [part for part in Skeleton(html).parts if isinstance(part, tuple)]
    tables = [dict(attributes) for tag, attributes in tags if tag == "table"]
    assert ("lang", "en") in dict(tags)["html"]
    assert [tag for tag, _ in tags if tag in {"h1", "h2"}] == ["h1", "h2", "h2"]
    assert len([table for table in tables if table.get("role") != "presentation"]) == 1
    assert [dict(attributes)["scope"] for tag, attributes in tags if tag == "th"] == ["col", "col", "row"]


def test_html_loads_nothing_and_runs_nothing():
    html = rendered().html
    assert not re.search(
        r"<(script|img|link|iframe|form|object|video)|url\(|@import|\bon\w+=", html, re.IGNORECASE
    )


def test_preheader_is_the_first_text_of_the_body_and_hidden():
    body = rendered().html.partition("<body")[2]
    assert re.match(r'[^>]*>\s*<div style="display:none;[^>]*>Thank you, Ada Lovelace\.', body)


def luminance(color):
    channels = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "background"),
    [
        ("text", "card"),
        ("muted", "card"),
        ("muted", "page"),
        ("accent", "page"),
        ("on_accent", "accent"),
    ],
)
def test_brand_colors_have_the_contrast_that_wcag_asks_for(scheme, text, background):
    """https://www.w3.org/TR/WCAG22/#contrast-minimum: at least 4.5 to 1."""
    colors = BRAND["colors"][scheme]
    darker, lighter = sorted((luminance(colors[text]), luminance(colors[background])))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_brand_is_header_safe():
    assert BRAND["from_name"].isprintable()
    assert re.fullmatch(r"[\w.+-]+@[\w.-]+", BRAND["support_email"], re.ASCII)


@pytest.mark.parametrize(
    "template", sorted(TYPES_DIRECTORY.rglob("*.j2")), ids=lambda path: "/".join(path.parts[-2:])
)
def test_template_contains_no_brand_and_trusts_no_value(template):
    source = template.read_text(encoding="utf-8")
    texts = [value for value in BRAND.values() if isinstance(value, str)]
    assert not [text for text in texts if text in source]
    assert not re.search(r"(?<!&)#[0-9a-fA-F]{3,8}\b|rgb\(|hsl\(|@example|[$€£¥]", source)
    assert not re.search(r"\|\s*safe\b|autoescape|Markup", source)


def test_another_brand_changes_the_email_when_only_brand_json_changes(tmp_path):
    directory = shutil.copytree(TYPES_DIRECTORY, tmp_path / "email_types")
    brand = {name: f"other-{name}" if isinstance(value, str) else value for name, value in BRAND.items()}
    (directory / "brand.json").write_text(json.dumps(brand))
    email = Renderer(directory).render(SAMPLE)
    shown = f"{email.html} {email.text} {email.from_name} {email.reply_to}"
    assert not [value for value in BRAND.values() if isinstance(value, str) and value in shown]
    assert all(f"other-{name}" in shown for name, value in BRAND.items() if isinstance(value, str))
