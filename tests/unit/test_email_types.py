"""An email type is one folder: found by its name, checked when it is loaded."""

import json
import re
import shutil
from datetime import UTC, datetime

import pytest

from notifications.email_types import (
    TYPES_DIRECTORY,
    EmailTypeDefinitionError,
    EmailTypes,
    UnknownEmailTypeError,
)
from notifications.order_event import InvalidOrderEventError, parse
from notifications.rendering import Renderer

NOW = datetime(2026, 11, 24, 6, 0, 30, tzinfo=UTC)
SHIPPING_SCHEMA = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "description": "an object that describes one shipment",
    "x-identity": ["order_id", "shipment_id"],
    "x-occurred-at": "shipped_at",
    "type": "object",
    "required": ["type", "order_id", "shipment_id", "customer", "shipped_at"],
    "properties": {
        "type": {"description": "shipping_update", "const": "shipping_update"},
        "order_id": {"$ref": "../fields.json#/definitions/order_id"},
        "shipment_id": {"$ref": "../fields.json#/definitions/code"},
        "customer": {"$ref": "../fields.json#/definitions/customer"},
        "shipped_at": {"$ref": "../fields.json#/definitions/moment"},
    },
}
SHIPPING_EVENT = {
    "type": "shipping_update",
    "order_id": "A-1001",
    "shipment_id": "S-2",
    "customer": {"email": "ada@example.com", "name": "Ada"},
    "shipped_at": "2026-11-24T05:00:00Z",
}


def add_folder(types_directory, schema):
    folder = types_directory / "shipping_update"
    folder.mkdir()
    (folder / "schema.json").write_text(json.dumps(schema))
    (folder / "sample.json").write_text(json.dumps(SHIPPING_EVENT))
    (folder / "subject.txt.j2").write_text("Order {{ order_id }} is on its way")
    for kind in ("html", "txt"):
        (folder / f"body.{kind}.j2").write_text(
            f'{{% extends "_layout/email.{kind}.j2" %}}'
            "{% block title %}On its way{% endblock %}"
            "{% block preheader %}Your parcel has left{% endblock %}"
            "{% block content %}{{ shipment_id }}{% endblock %}"
        )


@pytest.fixture
def types_directory(tmp_path):
    return shutil.copytree(TYPES_DIRECTORY, tmp_path / "email_types")


def test_type_works_when_only_its_folder_is_added(types_directory):
    add_folder(types_directory, SHIPPING_SCHEMA)
    types = EmailTypes(types_directory)
    notification = parse(json.dumps(types.get("shipping_update").sample), NOW, types)
    email = Renderer(types_directory).render(notification)
    assert types.names() == ("order_confirmation", "shipping_update")
    assert notification.identity == {"order_id": "A-1001", "shipment_id": "S-2"}
    assert notification.occurred_at == datetime(2026, 11, 24, 5, tzinfo=UTC)
    assert email.subject == "Order A-1001 is on its way"
    assert "S-2" in email.html
    assert "S-2" in email.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x-identity": []}, "x-identity must be a list that starts with order_id"),
        ({"x-identity": ["shipment_id", "order_id"]}, "x-identity must be a list that starts with order_id"),
        ({"x-identity": ["order_id", "parcel"]}, "parcel is not in it"),
        ({"x-occurred-at": "sent_at"}, "sent_at is not in it"),
        ({"required": ["order_id", "shipment_id", "shipped_at"]}, "customer is not in it"),
    ],
)
def test_type_is_refused_with_what_to_change_when_its_schema_cannot_work(types_directory, change, message):
    add_folder(types_directory, {**SHIPPING_SCHEMA, **change})
    with pytest.raises(EmailTypeDefinitionError, match=message):
        EmailTypes(types_directory).get("shipping_update")


@pytest.mark.parametrize(
    "name", ["order_shipped", "_layout", "", ".", "..", "../email_types/order_confirmation"]
)
def test_type_is_unknown_when_no_folder_of_that_name_has_a_schema(name):
    with pytest.raises(UnknownEmailTypeError, match="there are: order_confirmation"):
        EmailTypes().get(name)


def test_type_is_loaded_once():
    types = EmailTypes()
    assert types.get("order_confirmation") is types.get("order_confirmation")


def test_order_confirmation_is_identified_by_its_order_and_happens_when_it_is_ordered():
    email_type = EmailTypes().get("order_confirmation")
    assert email_type.identity == ("order_id",)
    assert email_type.occurred_at == "ordered_at"


def parts_of(schema, path=""):
    yield path, schema
    for name, part in schema.get("properties", {}).items():
        yield from parts_of(part, f"{path}.{name}")
    if "items" in schema:
        yield from parts_of(schema["items"], f"{path}[]")


ALL_PARTS = [
    pytest.param(part, id=f"{name}{path}")
    for name in EmailTypes().names()
    for path, part in parts_of(EmailTypes().get(name).schema)
]


@pytest.mark.parametrize("part", ALL_PARTS)
def test_every_field_says_its_own_limits_in_words(part):
    numbers = set(re.findall(r"\d+", part["description"]))
    for limit in ("minimum", "maximum", "minItems", "maxItems"):
        if limit in part:
            assert str(part[limit]) in numbers
    for name in part.get("required", []):
        assert name in part["description"] or part["description"].startswith("an object that describes")


@pytest.mark.parametrize("part", ALL_PARTS)
def test_every_string_has_a_length_limit_and_a_pattern_of_its_whole(part):
    if part.get("type") == "string":
        assert part["maxLength"] <= 2048
        assert part["pattern"].startswith("^")
        assert part["pattern"].endswith("$")


@pytest.mark.parametrize("name", EmailTypes().names())
def test_sample_of_every_type_is_a_valid_event_of_that_type(name):
    types = EmailTypes()
    notification = parse(json.dumps(types.get(name).sample), NOW, types)
    assert notification.type == name
    assert len(notification.fingerprint) == 64


@pytest.mark.parametrize("name", EmailTypes().names())
def test_sample_of_every_type_is_refused_when_the_address_ends_in_a_line_break(name):
    types = EmailTypes()
    event = types.get(name).sample
    event["customer"]["email"] += "\n"
    with pytest.raises(InvalidOrderEventError, match=r"^customer\.email "):
        parse(json.dumps(event), NOW, types)
