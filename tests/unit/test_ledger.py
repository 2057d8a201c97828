"""What may become of a notification, rule by rule."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest

from notifications import ledger
from notifications.feedback_path import FeedbackPath
from notifications.keys import NotificationKey
from notifications.ledger import (
    EVENT_IDS_CAPACITY,
    HISTORY_CAPACITY,
    Abandoned,
    Abandonment,
    AlreadyHandled,
    Claim,
    Claimed,
    EventRecorded,
    EventRepeated,
    FeedbackUnproven,
    InFlight,
    Orphan,
    Record,
    Recorded,
    SesEvent,
    Status,
    Superseded,
    Write,
)
from tests.support.memory_ledger import MemoryLedger

KEY = NotificationKey("0f" * 16, "order_confirmation")
AT = "2026-11-24T06:00:00.000Z"
SETTLE_MS = 900_000
FIRST = Claim(
    now_ms=1_000,
    at=AT,
    send_by_ms=61_000,
    token="first",
    fingerprint="content",
    settle_window_ms=SETTLE_MS,
    attributes={"order_id": "A-1"},
)
ALIVE = FeedbackPath(watermark_ms=10**9, recorded_at_ms=10**9, alive_since_ms=0)


GIVE_UP = Abandonment(
    now_ms=FIRST.send_by_ms + SETTLE_MS + 1,
    at=AT,
    reason="The order was cancelled",
    fingerprint="content",
    settle_window_ms=SETTLE_MS,
    attributes={"order_id": "A-1"},
)


def claim_after_settling(**changes: object) -> Claim:
    later = replace(FIRST, now_ms=FIRST.send_by_ms + SETTLE_MS + 1, send_by_ms=2_000_000, token="second")
    return replace(later, **changes)  # type: ignore[arg-type]


def event(status: Status, id_: str = "", attempt: int = 1) -> SesEvent:
    entry: dict[str, str | int] = {"at": AT, "event": status.title(), "attempt": attempt}
    return SesEvent(id_ or f"{status}-{attempt}", status, "message-1", AT, AT, entry)


@pytest.fixture
def store() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def claimed(store: MemoryLedger) -> Claimed:
    verdict = store.claim(KEY, FIRST)
    assert isinstance(verdict, Claimed)
    return verdict


def test_claim_is_granted_with_one_write_when_there_is_no_record(store: MemoryLedger) -> None:
    assert store.claim(KEY, FIRST) == Claimed(1, "first")
    assert store.writes == 1
    assert store.items[KEY]["order_id"] == "A-1"


def test_claim_is_granted_again_when_the_answer_to_it_was_lost(store: MemoryLedger, claimed: Claimed) -> None:
    assert store.claim(KEY, FIRST) == claimed


def test_claim_waits_when_another_worker_may_still_be_sending(store: MemoryLedger, claimed: Claimed) -> None:
    other = replace(FIRST, token="other", now_ms=FIRST.send_by_ms)
    assert store.claim(KEY, other) == InFlight(FIRST.send_by_ms)


def test_claim_waits_for_the_settle_window_when_the_outcome_is_unknown(
    store: MemoryLedger, claimed: Claimed
) -> None:
    other = claim_after_settling(now_ms=FIRST.send_by_ms + SETTLE_MS, feedback=ALIVE)
    assert store.claim(KEY, other) == InFlight(FIRST.send_by_ms + SETTLE_MS)


def test_claim_waits_when_feedback_was_not_looked_at(store: MemoryLedger, claimed: Claimed) -> None:
    assert isinstance(store.claim(KEY, claim_after_settling()), FeedbackUnproven)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(replace(ALIVE, watermark_ms=FIRST.send_by_ms + SETTLE_MS - 1), id="watermark-too-old"),
        pytest.param(replace(ALIVE, alive_since_ms=10**9 - SETTLE_MS + 1), id="recovered-too-recently"),
        pytest.param(replace(ALIVE, waiting=True), id="events-are-waiting"),
    ],
)
def test_claim_waits_when_feedback_is_not_proven_alive(
    store: MemoryLedger, claimed: Claimed, path: FeedbackPath
) -> None:
    assert isinstance(store.claim(KEY, claim_after_settling(feedback=path)), FeedbackUnproven)


def test_claim_resends_and_counts_it_when_the_attempt_was_provably_never_made(
    store: MemoryLedger, claimed: Claimed
) -> None:
    assert store.claim(KEY, claim_after_settling(feedback=ALIVE)) == Claimed(2, "second", resend=True)
    assert store.items[KEY]["resends"] == 1


def test_claim_is_granted_with_the_next_attempt_when_the_last_was_released(
    store: MemoryLedger, claimed: Claimed
) -> None:
    store.record_result(KEY, ledger.released(claimed, "Throttling", AT))
    assert store.claim(KEY, replace(FIRST, token="second")) == Claimed(2, "second")
    assert store.items[KEY]["resends"] == 0


READY = Record(Status.READY, attempt=1, token="first", send_by_ms=FIRST.send_by_ms)
UNKNOWN = replace(READY, status=Status.SENDING)


@pytest.mark.parametrize(
    ("decided_on", "meanwhile"),
    [
        pytest.param(None, UNKNOWN, id="another-worker-claims-first"),
        pytest.param(READY, replace(UNKNOWN, attempt=2, token="other"), id="another-worker-claims-again"),
        pytest.param(
            READY, replace(READY, attempt=2, token="other"), id="another-worker-claims-and-releases"
        ),
        pytest.param(READY, replace(READY, status=Status.SENT), id="a-late-event-shows-that-it-was-sent"),
        pytest.param(READY, None, id="the-record-expires"),
        pytest.param(UNKNOWN, replace(UNKNOWN, attempt=2, token="other"), id="another-worker-resends"),
        pytest.param(UNKNOWN, replace(UNKNOWN, status=Status.DELIVERED), id="an-event-settles-it"),
        pytest.param(UNKNOWN, READY, id="its-worker-releases-it"),
        pytest.param(UNKNOWN, replace(UNKNOWN, token="other"), id="it-is-erased-and-claimed-anew"),
        pytest.param(UNKNOWN, None, id="the-unknown-expires"),
    ],
)
def test_claim_is_not_written_when_the_record_has_changed_since_it_was_decided(
    decided_on: Record | None, meanwhile: Record | None
) -> None:
    step = claim_after_settling(feedback=ALIVE).decide(decided_on)
    assert isinstance(step, Write)
    assert step.guard.holds(decided_on)
    assert not step.guard.holds(meanwhile)


@pytest.mark.parametrize("result", [ledger.accepted, ledger.failed])
def test_claim_is_refused_when_the_notification_was_handled(
    store: MemoryLedger, claimed: Claimed, result: object
) -> None:
    recorded = store.record_result(KEY, result(claimed, "text", AT))  # type: ignore[operator]
    assert isinstance(recorded, Recorded)
    again = store.claim(KEY, replace(FIRST, token="again"))
    assert again == AlreadyHandled(recorded.status, same_content=True)


def test_claim_notices_other_content_when_the_identity_is_the_same(
    store: MemoryLedger, claimed: Claimed
) -> None:
    store.record_result(KEY, ledger.accepted(claimed, "m", AT))
    again = store.claim(KEY, replace(FIRST, token="again", fingerprint="other content"))
    assert again == AlreadyHandled(Status.SENT, same_content=False)


def test_result_is_recorded_with_one_write(store: MemoryLedger, claimed: Claimed) -> None:
    store.writes = 0
    assert store.record_result(KEY, ledger.accepted(claimed, "m", AT)) == Recorded(Status.SENT)
    assert store.writes == 1


def test_result_is_recorded_once_when_the_answer_to_it_was_lost(
    store: MemoryLedger, claimed: Claimed
) -> None:
    result = ledger.accepted(claimed, "m", AT)
    assert store.record_result(KEY, result) == store.record_result(KEY, result) == Recorded(Status.SENT)


@pytest.mark.parametrize("result", [ledger.released, ledger.failed, ledger.accepted])
def test_result_never_overwrites_an_event_that_came_first(
    store: MemoryLedger, claimed: Claimed, result: object
) -> None:
    store.record_event(KEY, event(Status.DELIVERED))
    assert store.record_result(KEY, result(claimed, "text", AT)) == Superseded()  # type: ignore[operator]
    assert store.items[KEY]["status"] == Status.DELIVERED


def test_result_of_an_older_attempt_is_ignored(store: MemoryLedger, claimed: Claimed) -> None:
    store.claim(KEY, claim_after_settling(feedback=ALIVE))
    assert store.record_result(KEY, ledger.released(claimed, "Throttling", AT)) == Superseded()
    assert store.items[KEY]["attempt"] == 2
    assert store.items[KEY]["status"] == Status.SENDING


def test_result_is_not_taken_for_another_workers_when_the_record_was_erased_and_made_anew(
    store: MemoryLedger, claimed: Claimed
) -> None:
    del store.items[KEY]
    store.claim(KEY, replace(FIRST, token="second"))
    assert store.record_result(KEY, ledger.released(claimed, "Throttling", AT)) == Superseded()
    assert (store.items[KEY]["status"], store.items[KEY]["token"]) == (Status.SENDING, "second")


@pytest.mark.parametrize("status", [s for s in Status if s not in ledger.NOT_ACCEPTED])
def test_any_event_settles_an_unknown_attempt(store: MemoryLedger, claimed: Claimed, status: Status) -> None:
    assert store.record_event(KEY, event(status)) == EventRecorded(status)
    assert store.items[KEY]["message_id"] == "message-1"
    again = store.claim(KEY, claim_after_settling(feedback=ALIVE))
    assert isinstance(again, AlreadyHandled)


def test_event_of_an_earlier_attempt_settles_the_current_one(store: MemoryLedger, claimed: Claimed) -> None:
    store.claim(KEY, claim_after_settling(feedback=ALIVE))
    assert store.record_event(KEY, event(Status.SENT, attempt=1)) == EventRecorded(Status.SENT)


def test_event_overrules_a_release_and_a_refusal(store: MemoryLedger, claimed: Claimed) -> None:
    store.record_result(KEY, ledger.failed(claimed, "reason", AT))
    assert store.record_event(KEY, event(Status.SENT)) == EventRecorded(Status.SENT)


def test_events_leave_the_highest_status_whatever_their_order(store: MemoryLedger, claimed: Claimed) -> None:
    for status in (Status.DELIVERED, Status.SENT, Status.BOUNCED, Status.DELAYED, Status.SOFT_BOUNCED):
        store.record_event(KEY, event(status))
    assert store.items[KEY]["status"] == Status.BOUNCED
    assert len(store.items[KEY]["history"]) == 5


def test_out_of_office_reply_after_delivery_is_only_added_to_the_history(
    store: MemoryLedger, claimed: Claimed
) -> None:
    store.record_event(KEY, event(Status.DELIVERED))
    assert store.record_event(KEY, event(Status.SOFT_BOUNCED)) == EventRecorded(None)
    assert store.items[KEY]["status"] == Status.DELIVERED


def test_events_of_the_usual_course_take_one_write_each(store: MemoryLedger, claimed: Claimed) -> None:
    store.record_result(KEY, ledger.accepted(claimed, "m", AT))
    store.writes = 0
    store.record_event(KEY, event(Status.SENT))
    store.record_event(KEY, event(Status.DELIVERED))
    assert store.writes == 2


FULL = frozenset(f"delay-{number}" for number in range(HISTORY_CAPACITY))


@pytest.mark.parametrize(
    ("decided_on", "meanwhile"),
    [
        pytest.param(Record(Status.SENDING), Record(Status.SENT), id="its-worker-reports"),
        pytest.param(Record(Status.SENT), Record(Status.SENDING), id="it-was-only-expected-to-be-sent"),
        pytest.param(Record(Status.SENT), Record(Status.BOUNCED), id="an-event-of-a-higher-rank-comes"),
        pytest.param(Record(Status.DELIVERED), Record(Status.SENT), id="it-is-erased-and-sent-anew"),
        pytest.param(
            Record(Status.SENT), Record(Status.SENT, history=frozenset({"DELIVERED-1"})), id="a-copy-comes"
        ),
        pytest.param(Record(Status.SENT), Record(Status.SENT, history=FULL), id="the-history-fills-up"),
        pytest.param(
            Record(Status.SENT, history=FULL),
            Record(Status.SENT, history=FULL, event_ids=frozenset({"DELIVERED-1"})),
            id="a-copy-comes-when-the-history-is-full",
        ),
        pytest.param(Record(Status.SENT), None, id="the-record-expires"),
    ],
)
def test_event_is_not_written_when_the_record_has_changed_since_it_was_decided(
    decided_on: Record, meanwhile: Record | None
) -> None:
    step = event(Status.DELIVERED).decide(decided_on)
    assert isinstance(step, Write)
    assert step.guard.holds(decided_on)
    assert not step.guard.holds(meanwhile)


def test_repeated_event_changes_nothing(store: MemoryLedger, claimed: Claimed) -> None:
    store.record_event(KEY, event(Status.DELIVERED))
    before = dict(store.items[KEY])
    assert store.record_event(KEY, event(Status.DELIVERED)) == EventRepeated()
    assert store.items[KEY] == before


def test_beyond_a_full_history_only_ids_are_kept_while_the_status_still_rises(
    store: MemoryLedger, claimed: Claimed
) -> None:
    for number in range(HISTORY_CAPACITY + 2):
        store.record_event(KEY, event(Status.DELAYED, f"delay-{number}"))
    assert store.record_event(KEY, event(Status.BOUNCED, "bounce")) == EventRecorded(Status.BOUNCED)
    assert len(store.items[KEY]["history"]) == HISTORY_CAPACITY
    assert store.items[KEY]["event_ids"] == {"delay-20", "delay-21", "bounce"}


def test_repeats_stay_repeats_beyond_a_full_history(store: MemoryLedger, claimed: Claimed) -> None:
    events = [event(Status.DELAYED, f"delay-{number}") for number in range(HISTORY_CAPACITY + 2)]
    for one in events:
        assert isinstance(store.record_event(KEY, one), EventRecorded)
    before = deepcopy(store.items[KEY])
    assert {store.record_event(KEY, one) for one in events} == {EventRepeated()}
    assert store.items[KEY] == before


def test_when_no_more_ids_are_kept_a_status_still_rises_and_all_else_is_a_repeat(
    store: MemoryLedger, claimed: Claimed
) -> None:
    for number in range(HISTORY_CAPACITY + EVENT_IDS_CAPACITY):
        store.record_event(KEY, event(Status.DELAYED, f"delay-{number}"))
    assert store.record_event(KEY, event(Status.DELAYED, "one delay more")) == EventRepeated()
    assert store.record_event(KEY, event(Status.BOUNCED)) == EventRecorded(Status.BOUNCED)
    assert store.record_event(KEY, event(Status.BOUNCED)) == EventRepeated()
    assert len(store.items[KEY]["event_ids"]) == EVENT_IDS_CAPACITY


def test_event_without_a_record_makes_no_ghost(store: MemoryLedger) -> None:
    assert store.record_event(KEY, event(Status.DELIVERED)) == Orphan()
    assert not store.items


def test_what_has_no_record_yet_is_given_up_by_a_record_of_no_attempt(store: MemoryLedger) -> None:
    assert store.abandon(KEY, GIVE_UP) == Abandoned()
    item = store.items[KEY]
    assert (item["status"], item["attempt"], item["order_id"]) == (Status.ABANDONED, 0, "A-1")
    assert item["reason"] == "The order was cancelled"


def test_what_waits_for_another_attempt_can_be_given_up_at_once(
    store: MemoryLedger, claimed: Claimed
) -> None:
    store.record_result(KEY, ledger.released(claimed, "Throttling", AT))
    assert store.abandon(KEY, replace(GIVE_UP, now_ms=FIRST.now_ms)) == Abandoned()
    assert store.items[KEY]["attempt"] == 1


@pytest.mark.parametrize(
    "now_ms",
    [
        pytest.param(FIRST.send_by_ms, id="it-may-be-sending"),
        pytest.param(FIRST.send_by_ms + SETTLE_MS, id="an-event-may-be-on-its-way"),
    ],
)
def test_what_may_be_under_way_cannot_be_given_up(store: MemoryLedger, claimed: Claimed, now_ms: int) -> None:
    verdict = store.abandon(KEY, replace(GIVE_UP, now_ms=now_ms))
    assert verdict == InFlight(FIRST.send_by_ms + SETTLE_MS)
    assert store.items[KEY]["status"] == Status.SENDING


def test_attempt_of_unknown_outcome_can_be_given_up_when_the_settle_window_has_passed(
    store: MemoryLedger, claimed: Claimed
) -> None:
    assert store.abandon(KEY, GIVE_UP) == Abandoned()


@pytest.mark.parametrize("status", [s for s in Status if s not in (Status.READY, Status.SENDING)])
def test_what_has_come_to_an_end_is_not_given_up(
    store: MemoryLedger, claimed: Claimed, status: Status
) -> None:
    store.items[KEY]["status"] = status
    before = dict(store.items[KEY])
    assert store.abandon(KEY, GIVE_UP) == AlreadyHandled(status, same_content=True)
    assert store.items[KEY] == before


@pytest.mark.parametrize(
    ("decided_on", "meanwhile"),
    [
        pytest.param(None, UNKNOWN, id="a-worker-claims-first"),
        pytest.param(READY, replace(UNKNOWN, attempt=2, token="other"), id="a-worker-claims-again"),
        pytest.param(READY, replace(READY, status=Status.SENT), id="a-late-event-shows-that-it-was-sent"),
        pytest.param(READY, None, id="the-record-expires"),
        pytest.param(UNKNOWN, replace(UNKNOWN, attempt=2, token="other"), id="a-worker-resends"),
        pytest.param(UNKNOWN, replace(UNKNOWN, token="other"), id="it-is-erased-and-claimed-anew"),
        pytest.param(UNKNOWN, replace(UNKNOWN, status=Status.DELIVERED), id="an-event-settles-it"),
    ],
)
def test_nothing_is_given_up_when_the_record_has_changed_since_it_was_decided(
    decided_on: Record | None, meanwhile: Record | None
) -> None:
    step = GIVE_UP.decide(decided_on)
    assert isinstance(step, Write)
    assert step.guard.holds(decided_on)
    assert not step.guard.holds(meanwhile)


def test_later_copy_of_what_was_given_up_is_a_duplicate(store: MemoryLedger) -> None:
    store.abandon(KEY, GIVE_UP)
    late = claim_after_settling(feedback=ALIVE)
    assert store.claim(KEY, late) == AlreadyHandled(Status.ABANDONED, same_content=True)


@pytest.mark.parametrize("result", [ledger.released, ledger.failed, ledger.accepted])
def test_worker_that_comes_back_late_does_not_revive_what_was_given_up(
    store: MemoryLedger, claimed: Claimed, result: object
) -> None:
    store.abandon(KEY, GIVE_UP)
    assert store.record_result(KEY, result(claimed, "text", AT)) == Superseded()  # type: ignore[operator]
    assert store.items[KEY]["status"] == Status.ABANDONED


def test_event_shows_that_what_was_given_up_had_been_sent(store: MemoryLedger, claimed: Claimed) -> None:
    store.abandon(KEY, GIVE_UP)
    assert store.record_event(KEY, event(Status.SENT)) == EventRecorded(Status.SENT)
    assert store.record_event(KEY, event(Status.DELIVERED)) == EventRecorded(Status.DELIVERED)
    assert store.items[KEY]["message_id"] == "message-1"
