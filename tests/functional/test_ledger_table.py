"""The ledger's table: what it asks of DynamoDB, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from notifications import ledger, ses_events
from notifications.failures import Certainty, LedgerUnavailableError
from notifications.feedback_path import FeedbackPath
from notifications.keys import NotificationKey
from notifications.ledger import (
    HISTORY_CAPACITY,
    AlreadyHandled,
    Claim,
    Claimed,
    EventRecorded,
    EventRepeated,
    InFlight,
    Orphan,
    Recorded,
    Status,
    Superseded,
)
from notifications.ledger_table import CONTENTION_LIMIT, LedgerTable
from tests.support.documented_events import documented_event
from tests.support.ledger_table import primary_key, stored_items

KEY = NotificationKey("0f" * 16, "order_confirmation")
AT = "2026-11-24T06:00:00.000Z"
SETTLE_MS = 900_000
CLAIM = Claim(
    now_ms=1_000,
    at=AT,
    send_by_ms=61_000,
    token="first",
    fingerprint="content",
    settle_window_ms=SETTLE_MS,
    attributes={"order_id": "A-1001", "recipient_key": "1e" * 16, "expires_at": 1_800_000_000},
)
AFTER_SETTLING = replace(
    CLAIM,
    token="second",
    now_ms=CLAIM.send_by_ms + SETTLE_MS + 1,
    send_by_ms=CLAIM.send_by_ms + SETTLE_MS + 60_000,
    feedback=FeedbackPath(watermark_ms=10**9, recorded_at_ms=10**9, alive_since_ms=0),
)
DELIVERED = ses_events.read(documented_event(("delivery", {}), KEY, 1, 0), AT).event

Call = Callable[..., Any]


class Between:
    """The client of a table, with something that happens before or after each call of one kind.

    Parameters
    ----------
    operation
        Which calls, by method name.
    around
        Called in place of such a call, with the call and its parameters.
    """

    def __init__(self, client: Any, operation: str, around: Callable[[Call, dict[str, Any]], Any]) -> None:
        self._client, self._operation, self._around = client, operation, around

    def __getattr__(self, operation: str) -> Any:
        call = getattr(self._client, operation)
        if operation != self._operation:
            return call
        return lambda **parameters: self._around(call, parameters)


@pytest.fixture
def table(client: Any, table_name: str) -> LedgerTable:
    return LedgerTable(client, table_name)


@pytest.fixture
def requests(client: Any) -> list[dict[str, Any]]:
    """Parameters of the calls that are made from now on."""
    made: list[dict[str, Any]] = []
    client.meta.events.register(
        "provide-client-params.dynamodb.*", lambda params, model, **_: made.append({model.name: params})
    )
    return made


# --- what is stored ---------------------------------------------------------------------------------


def test_record_tells_the_whole_course_of_a_notification(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    claimed = table.claim(KEY, CLAIM)
    assert isinstance(claimed, Claimed)
    assert table.record_result(KEY, ledger.accepted(claimed, "message-1", AT)) == Recorded(Status.SENT)
    assert table.record_event(KEY, DELIVERED) == EventRecorded(Status.DELIVERED)

    assert stored_items(client, table_name) == {
        KEY: {
            "order_id": "A-1001",
            "recipient_key": "1e" * 16,
            "expires_at": 1_800_000_000,
            "status": "DELIVERED",
            "attempt": 1,
            "token": "first",
            "send_by_ms": 61_000,
            "fingerprint": "content",
            "created_at": AT,
            "updated_at": AT,
            "message_id": "message-1",
            "sent_at": AT,
            "resends": 0,
            "history": {DELIVERED.id: dict(DELIVERED.entry)},
        }
    }
    assert table.find(KEY) == ledger.Record(
        Status.DELIVERED, 1, "first", 61_000, "content", frozenset({DELIVERED.id})
    )


def test_index_finds_records_of_a_recipient_and_holds_their_keys_only(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    table.claim(KEY, CLAIM)
    table.advance_feedback_path(1, 2, SETTLE_MS)

    found = client.scan(TableName=table_name, IndexName="by_recipient")["Items"]

    assert found == [
        {
            "order_key": {"S": KEY.order_key},
            "notification": {"S": KEY.notification},
            "recipient_key": {"S": "1e" * 16},
        }
    ]


def test_feedback_path_is_unknown_until_it_is_advanced(table: LedgerTable) -> None:
    assert table.feedback_path() is None
    table.advance_feedback_path(1_000, 2_000, SETTLE_MS)
    assert table.feedback_path() == FeedbackPath(1_000, 2_000, 2_000)


# --- what is asked for ------------------------------------------------------------------------------


def test_usual_course_takes_one_write_a_step_and_no_read(
    table: LedgerTable, requests: list[dict[str, Any]]
) -> None:
    claimed = table.claim(KEY, CLAIM)
    assert isinstance(claimed, Claimed)
    table.record_result(KEY, ledger.accepted(claimed, "message-1", AT))
    table.record_event(KEY, DELIVERED)

    assert [operation for request in requests for operation in request] == ["UpdateItem"] * 3


def test_every_write_is_conditional_and_asks_for_the_item_that_is_in_its_way(
    table: LedgerTable, requests: list[dict[str, Any]]
) -> None:
    claimed = table.claim(KEY, CLAIM)
    assert isinstance(claimed, Claimed)
    table.record_result(KEY, ledger.released(claimed, "Throttling", AT))
    table.claim(KEY, replace(CLAIM, token="second"))
    table.record_event(KEY, DELIVERED)
    table.advance_feedback_path(1_000, 2_000, SETTLE_MS)
    table.advance_feedback_path(SETTLE_MS, SETTLE_MS, SETTLE_MS)

    writes = [request for made in requests for name, request in made.items() if name != "GetItem"]
    assert len(writes) > 5
    for write in writes:
        assert write["ConditionExpression"]
        assert write["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def test_reads_are_consistent(table: LedgerTable, requests: list[dict[str, Any]]) -> None:
    table.find(KEY)
    table.feedback_path()
    table.advance_feedback_path(1_000, 2_000, SETTLE_MS)

    reads = [request["GetItem"] for request in requests if "GetItem" in request]
    assert [read["ConsistentRead"] for read in reads] == [True] * 3


# --- lost answers -----------------------------------------------------------------------------------


@pytest.fixture
def unanswered(client: Any, table_name: str) -> LedgerTable:
    """A table of which every first answer to a write is lost, so that the SDK writes once more."""

    def twice(call: Call, parameters: dict[str, Any]) -> Any:
        call(**parameters)
        return call(**parameters)

    return LedgerTable(Between(Between(client, "update_item", twice), "put_item", twice), table_name)  # type: ignore[arg-type]


def test_work_goes_on_as_usual_when_first_answers_are_lost(
    client: Any, table_name: str, table: LedgerTable, unanswered: LedgerTable
) -> None:
    claimed = unanswered.claim(KEY, CLAIM)
    assert claimed == Claimed(1, "first")
    assert isinstance(claimed, Claimed)
    assert unanswered.record_result(KEY, ledger.released(claimed, "Throttling", AT)) == Recorded(Status.READY)
    assert unanswered.claim(KEY, replace(CLAIM, token="second")) == Claimed(2, "second")
    assert unanswered.record_event(KEY, DELIVERED) == EventRepeated()
    unanswered.advance_feedback_path(1_000, 2_000, SETTLE_MS)

    item = stored_items(client, table_name)[KEY]
    assert (item["status"], item["attempt"], item["resends"]) == (Status.DELIVERED, 2, 0)
    assert list(item["history"]) == [DELIVERED.id]
    assert table.feedback_path() == FeedbackPath(1_000, 2_000, 2_000)


def test_resend_is_counted_once_when_the_first_answer_is_lost(
    client: Any, table_name: str, unanswered: LedgerTable
) -> None:
    unanswered.claim(KEY, CLAIM)

    verdict = unanswered.claim(KEY, AFTER_SETTLING)

    assert isinstance(verdict, Claimed)
    assert verdict.attempt == 2
    assert stored_items(client, table_name)[KEY]["resends"] == 1


# --- other attempts ---------------------------------------------------------------------------------


def test_result_is_not_taken_for_another_workers_when_the_record_was_erased_and_made_anew(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    table.claim(KEY, CLAIM)
    client.delete_item(TableName=table_name, Key=primary_key(KEY))
    table.claim(KEY, replace(CLAIM, token="second"))

    verdict = table.record_result(KEY, ledger.released(Claimed(1, "first"), "Throttling", AT))

    assert verdict == Superseded()
    record = table.find(KEY)
    assert record
    assert (record.status, record.token) == (Status.SENDING, "second")


def test_result_does_not_overwrite_an_event_that_came_first(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    table.claim(KEY, CLAIM)
    table.record_event(KEY, DELIVERED)

    verdict = table.record_result(KEY, ledger.released(Claimed(1, "first"), "Throttling", AT))

    assert verdict == Superseded()
    assert stored_items(client, table_name)[KEY]["status"] == Status.DELIVERED


def test_result_of_an_earlier_attempt_is_not_recorded(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    table.claim(KEY, CLAIM)
    table.record_result(KEY, ledger.released(Claimed(1, "first"), "Throttling", AT))
    table.claim(KEY, replace(CLAIM, token="second"))

    assert table.record_result(KEY, ledger.failed(Claimed(1, "first"), "bad address", AT)) == Superseded()
    assert stored_items(client, table_name)[KEY]["status"] == Status.SENDING


def test_event_of_a_lower_rank_is_only_added_to_the_history(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    table.claim(KEY, CLAIM)
    table.record_event(KEY, DELIVERED)
    sent = ses_events.read(documented_event(("send", {}), KEY, 1, 0), AT).event

    assert table.record_event(KEY, sent) == EventRecorded(None)
    assert table.record_event(KEY, sent) == EventRepeated()

    item = stored_items(client, table_name)[KEY]
    assert item["status"] == Status.DELIVERED
    assert set(item["history"]) == {DELIVERED.id, sent.id}


def test_event_makes_no_record_when_there_is_none(client: Any, table_name: str, table: LedgerTable) -> None:
    assert table.record_event(KEY, DELIVERED) == Orphan()
    assert stored_items(client, table_name) == {}


def test_history_is_full_for_good_and_of_the_rest_the_ids_are_kept(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    table.claim(KEY, CLAIM)
    for second in range(HISTORY_CAPACITY + 2):
        delay = documented_event(("delivery-delay", {}), KEY, 1, second)
        table.record_event(KEY, ses_events.read(delay, AT).event)

    assert table.record_event(KEY, DELIVERED) == EventRecorded(Status.DELIVERED)

    item = stored_items(client, table_name)[KEY]
    assert (len(item["history"]), len(item["event_ids"])) == (HISTORY_CAPACITY, 3)
    assert table.record_event(KEY, DELIVERED) == EventRepeated()
    assert stored_items(client, table_name)[KEY] == item


# --- contention -------------------------------------------------------------------------------------


def test_claim_is_decided_again_when_another_worker_was_faster(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    table.claim(KEY, CLAIM)
    first = Claimed(1, "first")
    table.record_result(KEY, ledger.released(first, "Throttling", AT))

    def after_another(call: Call, parameters: dict[str, Any]) -> Any:
        # Both have seen that the notification is READY.
        if ":guard_attempt" in parameters["ExpressionAttributeValues"]:
            table.claim(KEY, replace(CLAIM, token="faster"))
        return call(**parameters)

    slower = LedgerTable(Between(client, "update_item", after_another), table_name)  # type: ignore[arg-type]

    assert slower.claim(KEY, replace(CLAIM, token="slower")) == InFlight(CLAIM.send_by_ms)
    record = table.find(KEY)
    assert record
    assert (record.attempt, record.token) == (2, "faster")


@pytest.mark.parametrize("was_released", [True, False])
def test_claim_does_not_overwrite_an_event_that_comes_while_it_is_decided(
    client: Any, table_name: str, table: LedgerTable, was_released: bool
) -> None:
    """SES had the message after all: a claim that overlooked that would be a second email."""
    table.claim(KEY, CLAIM)
    if was_released:
        table.record_result(KEY, ledger.released(Claimed(1, "first"), "Throttling", AT))

    def after_the_event(call: Call, parameters: dict[str, Any]) -> Any:
        if ":guard_attempt" in parameters["ExpressionAttributeValues"]:
            table.record_event(KEY, DELIVERED)
        return call(**parameters)

    slower = LedgerTable(Between(client, "update_item", after_the_event), table_name)  # type: ignore[arg-type]

    assert slower.claim(KEY, AFTER_SETTLING) == AlreadyHandled(Status.DELIVERED, same_content=True)
    assert stored_items(client, table_name)[KEY]["status"] == Status.DELIVERED


def test_claim_gives_up_for_now_when_others_are_always_faster(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    attempts = iter(range(1, 100))

    def after_another(call: Call, parameters: dict[str, Any]) -> Any:
        # Others claim and release, again and again.
        token = f"faster {next(attempts)}"
        claimed = table.claim(KEY, replace(CLAIM, token=token))
        assert isinstance(claimed, Claimed)
        table.record_result(KEY, ledger.released(claimed, "Throttling", AT))
        return call(**parameters)

    slower = LedgerTable(Between(client, "update_item", after_another), table_name)  # type: ignore[arg-type]

    with pytest.raises(LedgerUnavailableError, match="Contention") as raised:
        slower.claim(KEY, replace(CLAIM, token="slower"))

    assert raised.value.failure.certainty is Certainty.LATER
    assert next(attempts) == CONTENTION_LIMIT + 1


def test_feedback_path_keeps_what_another_worker_noted_in_between(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    others = iter([(300_000, 300_000)])

    def after_another(call: Call, parameters: dict[str, Any]) -> Any:
        for sent_at_ms, now_ms in others:
            table.advance_feedback_path(sent_at_ms, now_ms, SETTLE_MS)
        return call(**parameters)

    table.advance_feedback_path(0, 0, SETTLE_MS)
    slower = LedgerTable(Between(client, "put_item", after_another), table_name)  # type: ignore[arg-type]

    slower.advance_feedback_path(200_000, 400_000, SETTLE_MS)

    assert table.feedback_path() == FeedbackPath(300_000, 400_000, 0)


def test_feedback_path_gives_up_for_now_when_others_are_always_faster(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    breaks = iter(range(SETTLE_MS + 1, 100 * SETTLE_MS, SETTLE_MS + 1))

    def after_another(call: Call, parameters: dict[str, Any]) -> Any:
        now_ms = next(breaks)
        table.advance_feedback_path(now_ms, now_ms, SETTLE_MS)
        return call(**parameters)

    slower = LedgerTable(Between(client, "put_item", after_another), table_name)  # type: ignore[arg-type]

    with pytest.raises(LedgerUnavailableError, match="Contention"):
        slower.advance_feedback_path(200 * SETTLE_MS, 200 * SETTLE_MS, SETTLE_MS)

    assert next(breaks) == (CONTENTION_LIMIT + 1) * (SETTLE_MS + 1)


# --- errors -----------------------------------------------------------------------------------------


def refused(code: str, status: int, certainty: Certainty) -> Any:
    """An answer of DynamoDB, and what it says."""
    answer: Any = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return pytest.param(ClientError(answer, "UpdateItem"), certainty, id=code)


@pytest.mark.parametrize(
    ("error", "certainty"),
    [
        refused("ProvisionedThroughputExceededException", 400, Certainty.LATER),
        refused("InternalServerError", 500, Certainty.LATER),
        refused("AccessDeniedException", 400, Certainty.CONFIGURATION),
        refused("ValidationException", 400, Certainty.CONFIGURATION),
        pytest.param(EndpointConnectionError(endpoint_url="http://x"), Certainty.LATER, id="no-connection"),
        pytest.param(ReadTimeoutError(endpoint_url="http://x"), Certainty.LATER, id="no-answer"),
    ],
)
@pytest.mark.parametrize(
    ("operation", "use"),
    [
        pytest.param("update_item", lambda table: table.claim(KEY, CLAIM), id="claim"),
        pytest.param(
            "update_item",
            lambda table: table.record_result(KEY, ledger.accepted(Claimed(1, "first"), "m", AT)),
            id="record_result",
        ),
        pytest.param("update_item", lambda table: table.record_event(KEY, DELIVERED), id="record_event"),
        pytest.param("get_item", lambda table: table.find(KEY), id="find"),
        pytest.param("get_item", lambda table: table.feedback_path(), id="feedback_path"),
        pytest.param("put_item", lambda table: table.advance_feedback_path(1, 2, SETTLE_MS), id="advance"),
    ],
)
def test_other_errors_are_raised_at_once_with_what_they_say(
    client: Any,
    table_name: str,
    operation: str,
    use: Callable[[LedgerTable], object],
    error: Exception,
    certainty: Certainty,
) -> None:
    calls: list[dict[str, Any]] = []

    def fail(call: Call, parameters: dict[str, Any]) -> Any:
        calls.append(parameters)
        raise error

    failing = LedgerTable(Between(client, operation, fail), table_name)  # type: ignore[arg-type]

    with pytest.raises(LedgerUnavailableError) as raised:
        use(failing)

    assert raised.value.failure.certainty is certainty
    assert raised.value.__cause__ is error
    assert len(calls) == 1


def test_missing_table_is_a_matter_of_configuration(client: Any) -> None:
    with pytest.raises(LedgerUnavailableError) as raised:
        LedgerTable(client, "none").claim(KEY, CLAIM)

    assert raised.value.failure.certainty is Certainty.CONFIGURATION
