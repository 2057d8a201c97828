"""What may become of a notification, rule by rule."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from notifications import ledger
from notifications.evidence import Doubt, Evidence, ResendAfterSilence, SettlingRules, Sign
from notifications.keys import NotificationKey
from notifications.ledger import (
    EVENT_IDS_CAPACITY,
    HISTORY_CAPACITY,
    Abandoned,
    Abandonment,
    AlreadyHandled,
    Choice,
    Claim,
    Claimed,
    EventRecorded,
    EventRepeated,
    InFlight,
    LookAgain,
    Mismatch,
    NeedsEvidence,
    NotAsShown,
    Orphan,
    Record,
    Recorded,
    SesEvent,
    Settled,
    Settlement,
    Status,
    Superseded,
    TooOld,
    Undecided,
    Verdict,
    Write,
)
from tests.support.memory_ledger import MemoryLedger

KEY = NotificationKey("0f" * 16, "order_confirmation")
AT = "2026-11-24T06:00:00.000Z"
SETTLE_MS = 900_000
DECISION_MS = 3_600_000
RULES = SettlingRules(SETTLE_MS, DECISION_MS, ResendAfterSilence.ANSWERED)
ALL = replace(RULES, resend_after_silence=ResendAfterSilence.ALL)
NONE = replace(RULES, resend_after_silence=ResendAfterSilence.NONE)
FIRST = Claim(
    now_ms=1_000,
    at=AT,
    send_by_ms=61_000,
    token="first",
    fingerprint="content",
    rules=RULES,
    open_shard="0",
    attributes={"order_id": "A-1", "recipient": "ada@example.com"},
)
SETTLED_MS = FIRST.send_by_ms + SETTLE_MS + 1
CLEAR = Evidence("first", queues_empty=True)

GIVE_UP = Abandonment(
    now_ms=SETTLED_MS,
    at=AT,
    reason="The order was cancelled",
    fingerprint="content",
    settle_window_ms=SETTLE_MS,
    attributes={"order_id": "A-1"},
)
SEND_AGAIN = Settlement(
    Choice.SEND_AGAIN, 1, "first", SETTLED_MS, AT, "operator", "Not in message insights", SETTLE_MS
)


def claim_after_settling(**changes: object) -> Claim:
    later = replace(FIRST, now_ms=SETTLED_MS, send_by_ms=SETTLED_MS + 60_000, token="second")
    return replace(later, **changes)  # type: ignore[arg-type]


def event(status: Status, id_: str = "", attempt: int = 1, message_id: str = "message-1") -> SesEvent:
    entry: dict[str, str | int] = {"at": AT, "event": status.title(), "attempt": attempt}
    return SesEvent(id_ or f"{status}-{attempt}", attempt, status, message_id, AT, AT, entry)


@pytest.fixture
def store() -> MemoryLedger:
    return MemoryLedger()


@pytest.fixture
def claimed(store: MemoryLedger) -> Claimed:
    verdict = store.claim(KEY, FIRST)
    assert isinstance(verdict, Claimed)
    return verdict


@pytest.fixture
def answered(store: MemoryLedger, claimed: Claimed) -> Claimed:
    """An attempt that SES answered with an error."""
    assert store.record_result(KEY, ledger.answered(claimed, "InternalFailure", AT)) == Recorded(
        Status.SENDING
    )
    return claimed


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
    store: MemoryLedger, answered: Claimed
) -> None:
    other = claim_after_settling(now_ms=SETTLED_MS - 1, evidence=CLEAR)
    assert store.claim(KEY, other) == InFlight(SETTLED_MS - 1)


# --- answered with an error -------------------------------------------------------------------------


def look_twice(store: MemoryLedger, first: Claim, second_look_after_ms: int = 60_000) -> Verdict:
    """Claim at a first and a second look that are that far apart."""
    assert isinstance(store.claim(KEY, first), LookAgain)
    return store.claim(KEY, replace(first, now_ms=first.now_ms + second_look_after_ms))


def test_error_of_ses_is_noted_on_the_attempt_which_stays_open(
    store: MemoryLedger, answered: Claimed
) -> None:
    item = store.items[KEY]
    assert (item["status"], item["answer"], item["open_shard"]) == (Status.SENDING, "error", "0")


def test_answered_attempt_is_made_again_only_on_evidence(store: MemoryLedger, answered: Claimed) -> None:
    verdict = store.claim(KEY, claim_after_settling())
    assert isinstance(verdict, NeedsEvidence)
    assert verdict.record.doubt is Doubt.ANSWERED


def test_evidence_about_another_attempt_is_none(store: MemoryLedger, answered: Claimed) -> None:
    other = claim_after_settling(evidence=replace(CLEAR, token="an earlier one"))
    assert isinstance(store.claim(KEY, other), NeedsEvidence)


def test_answered_attempt_is_made_again_and_counted_when_nothing_spoke_against_it_twice(
    store: MemoryLedger, answered: Claimed
) -> None:
    assert look_twice(store, claim_after_settling(evidence=CLEAR)) == Claimed(2, "second", resend=True)
    item = store.items[KEY]
    assert (item["resends"], item["attempt"]) == (1, 2)
    assert not {"answer", "first_look_ms"} & item.keys()


def test_second_look_may_be_another_workers(store: MemoryLedger, answered: Claimed) -> None:
    first = claim_after_settling(evidence=CLEAR, token="somebody else")
    assert store.claim(KEY, first) == LookAgain(SETTLED_MS + 60_000)
    second = claim_after_settling(evidence=CLEAR, now_ms=SETTLED_MS + 60_000)
    assert store.claim(KEY, second) == Claimed(2, "second", resend=True)


def test_second_look_must_not_come_too_soon(store: MemoryLedger, answered: Claimed) -> None:
    assert look_twice(store, claim_after_settling(evidence=CLEAR), 59_999) == LookAgain(SETTLED_MS + 60_000)
    assert store.items[KEY]["attempt"] == 1


def test_second_look_comes_after_a_settle_window_where_that_is_shorter(
    store: MemoryLedger, answered: Claimed
) -> None:
    short = replace(RULES, settle_window_ms=6_000)
    claim = claim_after_settling(evidence=CLEAR, rules=short)
    assert look_twice(store, claim, 6_000) == Claimed(2, "second", resend=True)


AGAINST = [
    pytest.param(replace(CLEAR, queues_empty=False), id="events-wait"),
    pytest.param(
        replace(CLEAR, signs=((Sign.AWAITED, 1_000 + SETTLE_MS),)), id="an-accepted-email-lacks-its-event"
    ),
    pytest.param(replace(CLEAR, signs=((Sign.DISCARDED, 1_000 - SETTLE_MS),)), id="an-event-was-discarded"),
]


@pytest.mark.parametrize("evidence", AGAINST)
def test_answered_attempt_is_not_made_again_when_something_speaks_against_it(
    store: MemoryLedger, answered: Claimed, evidence: Evidence
) -> None:
    verdict = store.claim(KEY, claim_after_settling(evidence=evidence))
    assert isinstance(verdict, Undecided)
    assert (verdict.doubt, verdict.due_ms) == (Doubt.ANSWERED, FIRST.send_by_ms + SETTLE_MS + DECISION_MS)
    assert "first_look_ms" not in store.items[KEY]


@pytest.mark.parametrize("evidence", AGAINST)
def test_first_look_counts_no_more_when_a_later_one_is_not_clear(
    store: MemoryLedger, answered: Claimed, evidence: Evidence
) -> None:
    store.claim(KEY, claim_after_settling(evidence=CLEAR))
    later = claim_after_settling(now_ms=SETTLED_MS + 60_000)
    assert isinstance(store.claim(KEY, replace(later, evidence=evidence)), Undecided)
    assert isinstance(store.claim(KEY, replace(later, evidence=CLEAR)), LookAgain)
    assert store.items[KEY]["attempt"] == 1


# --- unanswered -------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [RULES, NONE])
def test_unanswered_attempt_is_never_made_again_by_itself(
    store: MemoryLedger, claimed: Claimed, rules: SettlingRules
) -> None:
    year_ms = 365 * 24 * 3_600_000
    claim = claim_after_settling(now_ms=year_ms, evidence=CLEAR, rules=rules)
    verdict = store.claim(KEY, claim)
    assert isinstance(verdict, Undecided)
    assert verdict.doubt is Doubt.UNANSWERED


def test_shop_can_leave_answered_attempts_to_a_person_too(store: MemoryLedger, answered: Claimed) -> None:
    assert isinstance(store.claim(KEY, claim_after_settling(evidence=CLEAR, rules=NONE)), Undecided)


HEARD_AROUND = replace(CLEAR, signs=((Sign.HEARD, 999), (Sign.HEARD, 1_001)))


def test_shop_can_let_unanswered_attempts_be_made_again_when_events_around_them_have_come(
    store: MemoryLedger, claimed: Claimed
) -> None:
    claim = claim_after_settling(evidence=HEARD_AROUND, rules=ALL)
    assert look_twice(store, claim) == Claimed(2, "second", resend=True)


@pytest.mark.parametrize("signs", [(), ((Sign.HEARD, 999),), ((Sign.HEARD, 1_001),)])
def test_unanswered_attempt_is_not_made_again_when_no_event_around_it_has_come(
    store: MemoryLedger, claimed: Claimed, signs: tuple[tuple[Sign, int], ...]
) -> None:
    claim = claim_after_settling(evidence=replace(CLEAR, signs=signs), rules=ALL)
    assert isinstance(store.claim(KEY, claim), Undecided)


def test_answered_attempt_needs_no_events_around_it(store: MemoryLedger, answered: Claimed) -> None:
    claim = claim_after_settling(evidence=CLEAR, rules=ALL)
    assert isinstance(look_twice(store, claim), Claimed)


# --- what is claimed --------------------------------------------------------------------------------


def test_claim_is_granted_with_the_next_attempt_when_the_last_was_released(
    store: MemoryLedger, claimed: Claimed
) -> None:
    store.record_result(KEY, ledger.released(claimed, "Throttling", AT))
    assert store.claim(KEY, replace(FIRST, token="second")) == Claimed(2, "second")
    assert store.items[KEY]["resends"] == 0


CORRECTED = replace(
    FIRST,
    now_ms=9_000,
    token="second",
    fingerprint="other content",
    attributes={"order_id": "A-1", "recipient": "ada@example.org"},
)


@pytest.mark.parametrize("result", [ledger.released, ledger.failed])
def test_record_names_the_address_and_content_that_were_claimed_last(
    store: MemoryLedger, claimed: Claimed, result: Any
) -> None:
    store.record_result(KEY, result(claimed, "reason", AT))
    assert store.claim(KEY, CORRECTED) == Claimed(2, "second")
    item = store.items[KEY]
    assert (item["recipient"], item["fingerprint"]) == ("ada@example.org", "other content")
    assert (item["claimed_at_ms"], item["open_shard"], item["resends"]) == (9_000, "0", 0)


def test_notification_that_failed_is_not_tried_again_with_the_same_content(
    store: MemoryLedger, claimed: Claimed
) -> None:
    store.record_result(KEY, ledger.failed(claimed, "reason", AT))
    assert store.claim(KEY, replace(FIRST, token="second")) == AlreadyHandled(Status.FAILED)


@pytest.mark.parametrize("status", [s for s in Status if s.is_accepted])
def test_other_content_of_a_sent_notification_is_a_mismatch_and_counted(
    store: MemoryLedger, claimed: Claimed, status: Status
) -> None:
    store.items[KEY]["status"] = status
    assert store.claim(KEY, CORRECTED) == store.claim(KEY, CORRECTED) == Mismatch(status)
    item = store.items[KEY]
    assert (item["mismatches"], item["mismatch_at"], item["recipient"]) == (2, AT, "ada@example.com")


def test_other_content_of_an_attempt_in_doubt_is_a_mismatch(store: MemoryLedger, answered: Claimed) -> None:
    other = replace(CORRECTED, now_ms=FIRST.send_by_ms + 1)
    assert store.claim(KEY, other) == Mismatch(Status.SENDING)
    assert store.items[KEY]["recipient"] == "ada@example.com"


def test_other_content_waits_while_the_attempt_may_be_under_way(
    store: MemoryLedger, claimed: Claimed
) -> None:
    assert store.claim(KEY, replace(CORRECTED, now_ms=FIRST.send_by_ms)) == InFlight(FIRST.send_by_ms)


def test_content_is_no_mismatch_when_the_record_does_not_know_its_own(
    store: MemoryLedger, claimed: Claimed
) -> None:
    """As after a restore from logs."""
    store.items[KEY] |= {"status": Status.SENT, "fingerprint": ""}
    assert store.claim(KEY, CORRECTED) == AlreadyHandled(Status.SENT)


# --- too old ----------------------------------------------------------------------------------------


def test_order_that_is_too_old_is_not_begun(store: MemoryLedger) -> None:
    assert store.claim(KEY, replace(FIRST, too_old=True)) == TooOld()
    assert store.items == {}


@pytest.mark.parametrize("result", [ledger.released, ledger.failed])
def test_order_that_is_too_old_is_not_tried_again(store: MemoryLedger, claimed: Claimed, result: Any) -> None:
    store.record_result(KEY, result(claimed, "reason", AT))
    assert store.claim(KEY, replace(CORRECTED, too_old=True), store.find(KEY)) == TooOld()


def test_order_that_is_too_old_is_a_duplicate_when_it_was_sent(store: MemoryLedger, claimed: Claimed) -> None:
    store.record_result(KEY, ledger.accepted(claimed, "m", AT))
    old = replace(FIRST, token="second", too_old=True)
    assert store.claim(KEY, old, store.find(KEY)) == AlreadyHandled(Status.SENT)


def test_attempt_in_doubt_of_an_order_that_is_too_old_is_left_to_a_person(
    store: MemoryLedger, answered: Claimed
) -> None:
    old = claim_after_settling(evidence=CLEAR, too_old=True)
    verdict = store.claim(KEY, old, store.find(KEY))
    assert isinstance(verdict, Undecided)
    assert verdict.reason == "the order is older than the maximum event age"


# --- a person's decision ----------------------------------------------------------------------------


@pytest.mark.parametrize("too_old", [False, True])
@pytest.mark.parametrize("fingerprint", ["content", "other content"])
def test_send_again_is_done_by_the_next_claim_however_old_the_order_is(
    store: MemoryLedger, claimed: Claimed, too_old: bool, fingerprint: str
) -> None:
    assert store.settle(KEY, SEND_AGAIN) == Settled()
    item = store.items[KEY]
    assert (item["status"], item["decision"], item["decided_by"]) == (
        Status.SENDING,
        "send_again",
        "operator",
    )
    next_claim = claim_after_settling(too_old=too_old, fingerprint=fingerprint)
    assert store.claim(KEY, next_claim, store.find(KEY)) == Claimed(2, "second", resend=True)
    assert not {"decision", "decided_by", "decided_at", "decision_reason"} & store.items[KEY].keys()


def test_send_again_makes_one_attempt(store: MemoryLedger, claimed: Claimed) -> None:
    store.settle(KEY, SEND_AGAIN)
    store.claim(KEY, claim_after_settling())
    later_ms = SETTLED_MS + 10 * SETTLE_MS
    assert isinstance(store.claim(KEY, claim_after_settling(now_ms=later_ms, token="third")), Undecided)


def test_event_before_the_next_claim_wins_over_send_again(store: MemoryLedger, claimed: Claimed) -> None:
    store.settle(KEY, SEND_AGAIN)
    store.record_event(KEY, event(Status.SENT))
    assert store.claim(KEY, claim_after_settling()) == AlreadyHandled(Status.SENT)


def test_sent_closes_the_attempt_and_a_later_event_tells_the_message_id(
    store: MemoryLedger, claimed: Claimed
) -> None:
    assert store.settle(KEY, replace(SEND_AGAIN, choice=Choice.SENT)) == Settled()
    item = store.items[KEY]
    assert (item["status"], item["sent_at"]) == (Status.SENT, "1970-01-01T00:00:01.000Z")
    assert not {"message_id", "open_shard"} & item.keys()
    assert store.claim(KEY, claim_after_settling()) == AlreadyHandled(Status.SENT)
    assert store.record_event(KEY, event(Status.DELIVERED)) == EventRecorded(Status.DELIVERED)
    assert store.items[KEY]["message_id"] == "message-1"


def test_attempt_of_the_earlier_form_is_settled_by_its_send_by(store: MemoryLedger, claimed: Claimed) -> None:
    del store.items[KEY]["claimed_at_ms"]
    store.settle(KEY, replace(SEND_AGAIN, choice=Choice.SENT))
    assert store.items[KEY]["sent_at"] == "1970-01-01T00:01:01.000Z"


def test_give_up_ends_the_notification(store: MemoryLedger, claimed: Claimed) -> None:
    assert store.settle(KEY, replace(SEND_AGAIN, choice=Choice.GIVE_UP)) == Settled()
    item = store.items[KEY]
    assert (item["status"], item["reason"]) == (Status.ABANDONED, "Not in message insights")
    assert "open_shard" not in item
    assert store.claim(KEY, claim_after_settling()) == AlreadyHandled(Status.ABANDONED)


@pytest.mark.parametrize("choice", list(Choice))
def test_nothing_is_settled_before_the_settle_window_has_passed(
    store: MemoryLedger, claimed: Claimed, choice: Choice
) -> None:
    early = replace(SEND_AGAIN, choice=choice, now_ms=SETTLED_MS - 1)
    assert store.settle(KEY, early) == InFlight(SETTLED_MS - 1)
    assert "decision" not in store.items[KEY]


IN_DOUBT = Record(Status.SENDING, 1, "first", FIRST.send_by_ms)


@pytest.mark.parametrize("choice", list(Choice))
@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(replace(IN_DOUBT, status=Status.SENT), id="an-event-settled-it"),
        pytest.param(replace(IN_DOUBT, attempt=2, token="other"), id="another-attempt-was-made"),
        pytest.param(replace(IN_DOUBT, token="other"), id="it-was-erased-and-claimed-anew"),
        pytest.param(replace(IN_DOUBT, status=Status.READY), id="its-worker-released-it"),
        pytest.param(None, id="it-expired"),
    ],
)
def test_nothing_is_settled_that_stands_otherwise_than_shown(
    choice: Choice, meanwhile: Record | None
) -> None:
    settlement = replace(SEND_AGAIN, choice=choice)
    step = settlement.decide(IN_DOUBT)
    assert isinstance(step, Write)
    assert step.guard.holds(IN_DOUBT)
    assert not step.guard.holds(meanwhile)
    assert settlement.decide(meanwhile) == NotAsShown(meanwhile.status if meanwhile else None)


# --- races ------------------------------------------------------------------------------------------


READY = Record(Status.READY, attempt=1, token="first", send_by_ms=FIRST.send_by_ms)
UNKNOWN = replace(
    READY, status=Status.SENDING, fingerprint="content", answer="error", first_look_ms=1, claimed_at_ms=1_000
)


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
    step = claim_after_settling(evidence=CLEAR).decide(decided_on)
    assert isinstance(step, Write)
    assert step.guard.holds(decided_on)
    assert not step.guard.holds(meanwhile)


@pytest.mark.parametrize(
    "meanwhile",
    [
        pytest.param(replace(UNKNOWN, attempt=2, token="other"), id="another-worker-resends"),
        pytest.param(replace(UNKNOWN, status=Status.DELIVERED), id="an-event-settles-it"),
    ],
)
@pytest.mark.parametrize("looked_before", [None, 1])
@pytest.mark.parametrize("is_clear", [True, False])
def test_look_is_not_noted_on_what_has_changed_since(
    meanwhile: Record, looked_before: int | None, is_clear: bool
) -> None:
    claim = claim_after_settling(now_ms=SETTLED_MS, evidence=replace(CLEAR, queues_empty=is_clear))
    step = claim.decide(replace(UNKNOWN, first_look_ms=looked_before))
    if isinstance(step, Write):
        assert not step.guard.holds(meanwhile)
    else:
        assert isinstance(step, Undecided)
        assert looked_before is None


@pytest.mark.parametrize("result", [ledger.accepted, ledger.failed])
def test_claim_is_refused_when_the_notification_was_handled(
    store: MemoryLedger, claimed: Claimed, result: object
) -> None:
    recorded = store.record_result(KEY, result(claimed, "text", AT))  # type: ignore[operator]
    assert isinstance(recorded, Recorded)
    again = store.claim(KEY, replace(FIRST, token="again"))
    assert again == AlreadyHandled(recorded.status)


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
    text = "message-1"
    assert store.record_result(KEY, result(claimed, text, AT)) == Superseded()  # type: ignore[operator]
    assert store.items[KEY]["status"] == Status.DELIVERED


def take_over(store: MemoryLedger) -> Claimed:
    """Another attempt, as a person wants it."""
    store.settle(KEY, SEND_AGAIN)
    verdict = store.claim(KEY, claim_after_settling())
    assert isinstance(verdict, Claimed)
    return verdict


def test_result_of_an_older_attempt_is_ignored(store: MemoryLedger, claimed: Claimed) -> None:
    take_over(store)
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


@pytest.mark.parametrize("status", [s for s in Status if s.is_accepted])
def test_any_event_settles_an_unknown_attempt(store: MemoryLedger, claimed: Claimed, status: Status) -> None:
    assert store.record_event(KEY, event(status)) == EventRecorded(status)
    assert store.items[KEY]["message_id"] == "message-1"
    assert "open_shard" not in store.items[KEY]
    assert store.claim(KEY, claim_after_settling(evidence=CLEAR)) == AlreadyHandled(status)


def test_event_of_an_earlier_attempt_settles_the_current_one(store: MemoryLedger, claimed: Claimed) -> None:
    take_over(store)
    assert store.record_event(KEY, event(Status.SENT, attempt=1)) == EventRecorded(Status.SENT)


# --- open attempts ----------------------------------------------------------------------------------


@pytest.mark.parametrize("result", [ledger.released, ledger.failed])
def test_attempt_that_came_to_nothing_is_closed(store: MemoryLedger, claimed: Claimed, result: Any) -> None:
    store.record_result(KEY, result(claimed, "reason", AT))
    assert "open_shard" not in store.items[KEY]


def test_accepted_attempt_is_open_until_its_first_event(store: MemoryLedger, claimed: Claimed) -> None:
    store.record_result(KEY, ledger.accepted(claimed, "message-1", AT))
    assert "open_shard" in store.items[KEY]
    store.record_event(KEY, event(Status.DELIVERED))
    assert "open_shard" not in store.items[KEY]


def test_event_of_an_earlier_attempt_does_not_close_the_current_one(
    store: MemoryLedger, claimed: Claimed
) -> None:
    take_over(store)
    store.record_event(KEY, event(Status.SENT, attempt=1))
    assert "open_shard" in store.items[KEY]
    store.record_event(KEY, event(Status.SENT, attempt=2))
    assert "open_shard" not in store.items[KEY]


@pytest.mark.parametrize("result", [ledger.released, ledger.failed])
def test_attempt_that_came_to_nothing_is_closed_though_an_earlier_one_had_been_sent(
    store: MemoryLedger, claimed: Claimed, result: Any
) -> None:
    second = take_over(store)
    store.record_event(KEY, event(Status.SENT, attempt=1))
    assert store.record_result(KEY, result(second, "reason", AT)) == Superseded()
    assert store.items[KEY]["status"] == Status.SENT
    assert "open_shard" not in store.items[KEY]


# --- duplicates -------------------------------------------------------------------------------------


def test_second_message_is_recorded_and_counted_once_when_its_worker_reports_it(
    store: MemoryLedger, claimed: Claimed
) -> None:
    second = take_over(store)
    store.record_event(KEY, event(Status.SENT, attempt=1))
    result = ledger.accepted(second, "message-2", AT)
    assert store.record_result(KEY, result) == Superseded(duplicate=True)
    assert store.record_result(KEY, result) == Superseded()
    event_of_it = event(Status.DELIVERED, attempt=2, message_id="message-2")
    assert store.record_event(KEY, event_of_it) == EventRecorded(Status.DELIVERED)
    item = store.items[KEY]
    assert (item["message_id"], item["duplicate_message_ids"]) == ("message-1", {"2:message-2"})


def test_second_message_is_recorded_and_counted_once_when_its_events_tell(
    store: MemoryLedger, claimed: Claimed
) -> None:
    second = take_over(store)
    store.record_result(KEY, ledger.accepted(second, "message-2", AT))
    assert store.record_event(KEY, event(Status.SENT, attempt=1)) == EventRecorded(None, duplicate=True)
    delivered = event(Status.DELIVERED, attempt=1)
    assert store.record_event(KEY, delivered) == EventRecorded(Status.DELIVERED)
    item = store.items[KEY]
    assert (item["message_id"], item["duplicate_message_ids"]) == ("message-2", {"1:message-1"})


def test_own_message_is_no_duplicate_when_its_event_came_first(store: MemoryLedger, claimed: Claimed) -> None:
    store.record_event(KEY, event(Status.DELIVERED))
    assert store.record_result(KEY, ledger.accepted(claimed, "message-1", AT)) == Superseded()
    assert "duplicate_message_ids" not in store.items[KEY]


def test_event_that_does_not_know_its_message_adds_none(store: MemoryLedger, claimed: Claimed) -> None:
    assert store.record_event(KEY, event(Status.SENT, message_id="")) == EventRecorded(Status.SENT)
    assert "message_id" not in store.items[KEY]
    store.record_event(KEY, event(Status.DELIVERED))
    assert store.items[KEY]["message_id"] == "message-1"
    assert store.record_event(KEY, event(Status.BOUNCED, message_id="")) == EventRecorded(Status.BOUNCED)
    assert "duplicate_message_ids" not in store.items[KEY]


# --- events -----------------------------------------------------------------------------------------


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
    store.record_result(KEY, ledger.accepted(claimed, "message-1", AT))
    store.writes = 0
    store.record_event(KEY, event(Status.SENT))
    store.record_event(KEY, event(Status.DELIVERED))
    assert store.writes == 2


RECORDED = Record(Status.SENT, message_id="message-1")
FULL = frozenset(f"delay-{number}" for number in range(HISTORY_CAPACITY))


@pytest.mark.parametrize(
    ("decided_on", "meanwhile"),
    [
        pytest.param(Record(Status.SENDING), RECORDED, id="its-worker-reports"),
        pytest.param(RECORDED, Record(Status.SENDING), id="it-was-only-expected-to-be-sent"),
        pytest.param(
            RECORDED, replace(RECORDED, status=Status.BOUNCED), id="an-event-of-a-higher-rank-comes"
        ),
        pytest.param(replace(RECORDED, status=Status.DELIVERED), RECORDED, id="it-is-erased-and-sent-anew"),
        pytest.param(RECORDED, replace(RECORDED, history=frozenset({"DELIVERED-1"})), id="a-copy-comes"),
        pytest.param(RECORDED, replace(RECORDED, history=FULL), id="the-history-fills-up"),
        pytest.param(
            replace(RECORDED, history=FULL),
            replace(RECORDED, history=FULL, event_ids=frozenset({"DELIVERED-1"})),
            id="a-copy-comes-when-the-history-is-full",
        ),
        pytest.param(RECORDED, replace(RECORDED, attempt=2), id="another-attempt-is-made"),
        pytest.param(RECORDED, replace(RECORDED, message_id="another"), id="it-was-another-message"),
        pytest.param(
            replace(RECORDED, message_id="another"),
            replace(RECORDED, message_id="another", duplicate_message_ids=frozenset({"1:message-1"})),
            id="the-duplicate-is-noted",
        ),
        pytest.param(replace(RECORDED, message_id=""), RECORDED, id="its-message-becomes-known"),
        pytest.param(RECORDED, None, id="the-record-expires"),
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
        pytest.param(SETTLED_MS - 1, id="an-event-may-be-on-its-way"),
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
    assert store.abandon(KEY, GIVE_UP) == AlreadyHandled(status)
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
    late = claim_after_settling(evidence=CLEAR)
    assert store.claim(KEY, late) == AlreadyHandled(Status.ABANDONED)


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
