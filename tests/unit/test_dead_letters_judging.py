"""What would become of a dead letter, by how its notification stands in the ledger."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifications.email_types import EmailTypes
from notifications.evidence import ResendAfterSilence
from notifications.keys import notification_key
from notifications.ledger import ANSWERED_WITH_ERROR, Choice, Record, Status, Write
from notifications.order_event import parse
from notifications.rendering import RenderedEmail, Renderer, RenderingError
from notifications.settings import SendSettings
from notifications.times import epoch_ms
from ops.dead_letters.judgement import Fate, Judgement
from ops.dead_letters.judging import (
    MARKER_LIFE,
    FeedbackDiscard,
    FeedbackRedrive,
    OrderDiscard,
    OrderReader,
    OrderRedrive,
    read_event,
)
from ops.dead_letters.messages import Message, QueueName
from tests.support.documented_events import documented_event

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
EVENT = EmailTypes().get("order_confirmation").sample | {"ordered_at": "2026-11-24T06:00:00Z"}
KEY = notification_key("order_confirmation", EVENT["order_id"])
FINGERPRINT = parse(json.dumps(EVENT), NOW, EmailTypes()).fingerprint
SETTINGS = SendSettings(
    **dict.fromkeys(
        (
            "ledger_table_name",
            "send_queue_url",
            "send_dead_letter_queue_url",
            "feedback_queue_url",
            "feedback_dead_letter_queue_url",
            "feedback_undelivered_queue_url",
            "configuration_set_name",
            "from_address",
            "recipient_hash_key",
        ),
        "any",
    ),
    maximum_event_age_hours=72,
    record_retention_days=30,
    settle_window_seconds=900,
    decision_after_minutes=60,
    resend_after_silence=ResendAfterSilence.ANSWERED,
    send_queue_max_receives=250,
    send_maximum_concurrency=2,
    ses_rate_share_percent=80,
    ses_fallback_rate_per_second=1.0,
    function_timeout_seconds=60,
)
DELIVERY = documented_event(("delivery", {}), KEY, 1, 0)
ORDERS = OrderReader()
SENT_AND_ABOVE = [s for s in Status if s.rank >= Status.SENT.rank]


def message(body: Any, queue: QueueName = QueueName.SEND) -> Message:
    text = body if isinstance(body, str) else json.dumps(body)
    return Message(queue, "m-1", "handle", text, {}, NOW, None, 1)


def record(status: Status, fingerprint: str = FINGERPRINT) -> Record:
    return Record(status, 1, "token", epoch_ms(NOW) - 3_600_000, fingerprint)


def redriven(body: Any, known: Record | None = None) -> Judgement:
    return OrderRedrive(ORDERS, SETTINGS, {KEY: known}.get, lambda: NOW)(message(body))


def discarded(body: Any, known: Record | None = None) -> Judgement:
    return OrderDiscard(ORDERS, SETTINGS, {KEY: known}.get, lambda: NOW, "cancelled")(message(body))


# --- redriving orders -------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [None, record(Status.READY)])
def test_order_that_was_not_sent_is_redriven(known: Record | None) -> None:
    status = known.status if known else None
    assert redriven(EVENT, known) == Judgement(Fate.REDRIVE, "will be sent", KEY, status)


IN_DOUBT = record(Status.SENDING)
ANSWERED = replace(IN_DOUBT, answer=ANSWERED_WITH_ERROR)
TO_BE_SENT_AGAIN = replace(IN_DOUBT, decision=Choice.SEND_AGAIN)
OLD = EVENT | {"ordered_at": "2026-11-01T06:00:00Z"}


@pytest.mark.parametrize("known", [ANSWERED, replace(IN_DOUBT, send_by_ms=epoch_ms(NOW))])
def test_attempt_that_may_be_settled_by_itself_is_redriven_for_that(known: Record) -> None:
    judged = redriven(EVENT, known)
    assert judged.fate is Fate.REDRIVE
    assert "unless SES has it" in judged.text


@pytest.mark.parametrize(("body", "known"), [(EVENT, IN_DOUBT), (OLD, ANSWERED)])
def test_order_that_waits_for_a_person_is_left_and_says_for_which_command(body: Any, known: Record) -> None:
    known = replace(known, fingerprint=parse(json.dumps(body), NOW, EmailTypes()).fingerprint)
    judged = redriven(body, known)
    assert judged.fate is Fate.LEAVE
    assert judged.text == f"waits for a person's decision: `notify settle {EVENT['order_id']}`"


@pytest.mark.parametrize("body", [EVENT, OLD])
def test_order_that_a_person_wants_sent_again_is_redriven_however_old_it_is(body: Any) -> None:
    judged = redriven(body, TO_BE_SENT_AGAIN)
    assert judged == Judgement(
        Fate.REDRIVE, "will be sent again, as somebody has decided", KEY, Status.SENDING
    )


@pytest.mark.parametrize("status", SENT_AND_ABOVE)
def test_order_that_was_sent_is_deleted_as_done(status: Status) -> None:
    judged = redriven(EVENT, record(status))
    assert (judged.fate, judged.text) == (
        Fate.DELETE,
        f"already sent ({status}): skipped, deleted as done",
    )


@pytest.mark.parametrize("status", [Status.FAILED, Status.ABANDONED])
def test_order_that_ended_unsent_is_deleted_as_done_and_not_called_sent(status: Status) -> None:
    judged = redriven(EVENT, record(status))
    assert judged.fate is Fate.DELETE
    assert judged.text.startswith(f"ended before, unsent ({status})")


def test_order_of_other_content_than_the_one_that_was_sent_is_left_for_somebody_to_look_at() -> None:
    judged = redriven(EVENT, record(Status.DELIVERED, "other content"))
    assert judged.fate is Fate.LEAVE
    assert "with other content" in judged.text


def test_order_of_other_content_than_the_one_that_failed_is_redriven() -> None:
    assert redriven(EVENT, record(Status.FAILED, "other content")).fate is Fate.REDRIVE


def test_order_that_the_newest_code_refuses_is_left_with_the_field_and_the_reason() -> None:
    judged = redriven(EVENT | {"items": []})
    assert judged == Judgement(Fate.LEAVE, "would be refused again: items must be a list of 1 to 500 objects")


def test_order_of_which_no_email_can_be_made_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: Renderer, _notification: object) -> RenderedEmail:
        raise RenderingError("body.html.j2: a value is blank")

    monkeypatch.setattr(Renderer, "render", fail)
    judged = redriven(EVENT, record(Status.READY))
    text = "would be refused again: (email) body.html.j2: a value is blank"
    assert judged == Judgement(Fate.LEAVE, text, KEY, Status.READY)


@pytest.mark.parametrize(
    ("age", "fate"),
    [
        (timedelta(hours=72), Fate.REDRIVE),
        (timedelta(hours=72, seconds=1), Fate.LEAVE),
    ],
)
def test_order_older_than_the_maximum_event_age_is_left(age: timedelta, fate: Fate) -> None:
    judged = redriven(EVENT | {"ordered_at": (NOW - age).isoformat()})
    assert judged.fate is fate
    assert judged.text.startswith("too old: ordered_at" if fate is Fate.LEAVE else "will be sent")


def test_old_order_that_was_sent_is_done_and_not_too_old() -> None:
    old = EVENT | {"ordered_at": "2026-11-01T06:00:00Z"}
    known = record(Status.DELIVERED, parse(json.dumps(old), NOW, EmailTypes()).fingerprint)
    assert redriven(old, known).fate is Fate.DELETE


# --- discarding orders ------------------------------------------------------------------------------


@pytest.mark.parametrize("known", [None, record(Status.READY), record(Status.SENDING)])
def test_order_that_was_not_sent_is_given_up(known: Record | None) -> None:
    assert discarded(EVENT, known).fate is Fate.ABANDON


def test_order_that_may_be_under_way_is_left_until_its_settle_window_has_passed() -> None:
    under_way = replace(record(Status.SENDING), send_by_ms=epoch_ms(NOW) - 60_000)
    judged = discarded(EVENT, under_way)
    assert judged.fate is Fate.LEAVE
    assert judged.text.endswith("until 2026-11-24T12:14:00.000Z")


@pytest.mark.parametrize("status", [*SENT_AND_ABOVE, Status.FAILED, Status.ABANDONED])
def test_record_of_an_order_that_has_ended_stays_as_it_is(status: Status) -> None:
    judged = discarded(EVENT, record(status))
    assert (judged.fate, judged.status) == (Fate.DELETE, status)
    assert f"stays {status}" in judged.text


def test_order_that_cannot_be_read_has_no_record_to_give_up() -> None:
    judged = discarded("no JSON")
    assert (judged.fate, judged.key) == (Fate.DELETE, None)


def test_record_of_an_order_given_up_is_as_complete_as_any_other() -> None:
    judge = OrderDiscard(ORDERS, SETTINGS, {KEY: None}.get, lambda: NOW, "cancelled")
    judged = judge(message(EVENT))
    assert judged.key == KEY
    assert judged.abandonment is not None
    step = judged.abandonment.decide(None)
    assert isinstance(step, Write)
    kept = step.changes.attributes
    assert kept["expires_at"] == int((NOW + timedelta(days=30)).timestamp())
    assert (kept["order_id"], kept["recipient"]) == (EVENT["order_id"], EVENT["customer"]["email"])
    assert kept["recipient_key"]
    assert (kept["correlation_id"], kept["reason"]) == ("m-1", "cancelled")


# --- feedback ---------------------------------------------------------------------------------------

FEEDBACK = QueueName.FEEDBACK
FOREIGN = '{"eventType": "Send", "mail": {"tags": {}}}'


def feedback(body: str, known: Record | None) -> Judgement:
    return FeedbackRedrive({KEY: known}.get, lambda: NOW)(message(body, FEEDBACK))


def discarded_feedback(body: str, known: Record | None) -> Judgement:
    return FeedbackDiscard({KEY: known}.get, lambda: NOW)(message(body, FEEDBACK))


def test_event_that_is_not_recorded_is_redriven() -> None:
    judged = feedback(DELIVERY, record(Status.SENT))
    assert judged == Judgement(Fate.REDRIVE, "will be recorded", KEY, Status.SENT)


def test_event_that_is_recorded_is_deleted_as_done() -> None:
    event, _ = read_event(DELIVERY, NOW)
    assert event is not None
    known = replace(record(Status.DELIVERED), history=frozenset({event.event.id}))
    assert feedback(DELIVERY, known).fate is Fate.DELETE


@pytest.mark.parametrize(
    ("body", "text"),
    [
        pytest.param(DELIVERY, "an orphan", id="its-notification-is-gone"),
        pytest.param("no JSON", "would be refused again", id="not-an-event"),
        pytest.param(FOREIGN, "not about one of our emails", id="not-ours"),
    ],
)
def test_event_that_would_change_nothing_is_left(body: str, text: str) -> None:
    judged = feedback(body, None)
    assert judged.fate is Fate.LEAVE
    assert judged.text.startswith(text)


def test_event_that_is_discarded_is_recorded_all_the_same() -> None:
    judged = discarded_feedback(DELIVERY, record(Status.SENDING))
    assert (judged.fate, judged.key, judged.marker) == (Fate.RECORD, KEY, None)
    assert judged.event is not None
    assert judged.event.status is Status.DELIVERED


def test_event_that_changes_nothing_is_discarded_without_a_trace() -> None:
    event, _ = read_event(DELIVERY, NOW)
    assert event is not None
    recorded = replace(record(Status.DELIVERED), history=frozenset({event.event.id}))
    for body, known in ((DELIVERY, None), (DELIVERY, recorded), (FOREIGN, None)):
        judged = discarded_feedback(body, known)
        assert (judged.fate, judged.event, judged.marker) == (Fate.DELETE, None, None)


def test_event_that_nobody_can_attribute_is_noted_when_it_is_discarded() -> None:
    judged = discarded_feedback("no JSON", None)
    assert judged.fate is Fate.DELETE
    assert judged.marker is not None
    assert judged.marker["claimed_at_ms"] == {"N": str(epoch_ms(NOW))}
    assert judged.marker["expires_at"] == {"N": str(int((NOW + MARKER_LIFE).timestamp()))}
    assert "none of around then" in judged.text
