"""The ledger's table: what it asks of DynamoDB, and what it makes of the answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from notifications import ledger, ses_events
from notifications.evidence import Evidence, ResendAfterSilence, SettlingRules, Sign
from notifications.failures import Certainty, LedgerUnavailableError
from notifications.keys import NotificationKey
from notifications.ledger import (
    HISTORY_CAPACITY,
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
    Orphan,
    Recorded,
    SesEvent,
    Settlement,
    Status,
    Superseded,
    Undecided,
)
from notifications.ledger_table import (
    CONTENTION_LIMIT,
    LedgerTable,
    OpenAttempt,
    discarded_marker,
    expressions,
    heard_marker,
)
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
    rules=SettlingRules(SETTLE_MS, 3_600_000, ResendAfterSilence.ANSWERED),
    open_shard=KEY.open_shard,
    attributes={"order_id": "A-1001", "recipient_key": "1e" * 16, "expires_at": 1_800_000_000},
)
AFTER_SETTLING = replace(
    CLAIM,
    token="second",
    now_ms=CLAIM.send_by_ms + SETTLE_MS + 1,
    send_by_ms=CLAIM.send_by_ms + SETTLE_MS + 60_000,
    evidence=Evidence("first", queues_empty=True),
)
SECOND_LOOK = replace(AFTER_SETTLING, now_ms=AFTER_SETTLING.now_ms + 60_000)
DELIVERED = ses_events.read(documented_event(("delivery", {}), KEY, 1, 0), AT).event
MESSAGE_ID = DELIVERED.message_id

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
    assert table.record_result(KEY, ledger.accepted(claimed, MESSAGE_ID, AT)) == Recorded(Status.SENT)
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
            "message_id": MESSAGE_ID,
            "claimed_at_ms": 1_000,
            "sent_at": AT,
            "resends": 0,
            "history": {DELIVERED.id: dict(DELIVERED.entry)},
        }
    }
    assert table.find(KEY) == ledger.Record(
        Status.DELIVERED, 1, "first", 61_000, "content", frozenset({DELIVERED.id}), 1_000, MESSAGE_ID
    )


def test_index_finds_records_of_a_recipient_and_holds_their_keys_only(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    table.claim(KEY, CLAIM)
    table.mark(heard_marker(1, 1_000, 2_000_000_000))

    found = client.scan(TableName=table_name, IndexName="by_recipient")["Items"]

    assert found == [
        {
            "order_key": {"S": KEY.order_key},
            "notification": {"S": KEY.notification},
            "recipient_key": {"S": "1e" * 16},
        }
    ]


def test_record_tells_all_that_is_decided_on(client: Any, table_name: str, table: LedgerTable) -> None:
    claimed = table.claim(KEY, CLAIM)
    assert isinstance(claimed, Claimed)
    table.record_result(KEY, ledger.answered(claimed, "InternalFailure", AT))
    table.claim(KEY, AFTER_SETTLING)
    settle(client, table_name, Choice.SEND_AGAIN)
    assert table.find(KEY) == ledger.Record(
        Status.SENDING,
        1,
        "first",
        61_000,
        "content",
        claimed_at_ms=1_000,
        answer="error",
        first_look_ms=AFTER_SETTLING.now_ms,
        decision="send_again",
    )

    table.claim(KEY, replace(SECOND_LOOK, token="second"))
    table.record_event(KEY, DELIVERED)
    table.record_result(KEY, ledger.accepted(Claimed(2, "second"), "message-2", AT))

    record = table.find(KEY)
    assert record
    assert (record.attempt, record.answer, record.first_look_ms, record.decision) == (2, "", None, "")
    assert (record.message_id, record.duplicate_message_ids) == (MESSAGE_ID, frozenset({"2:message-2"}))


def settle(client: Any, table_name: str, choice: Choice) -> None:
    """Write a person's decision as `notify` does."""
    settlement = Settlement(choice, 1, "first", AFTER_SETTLING.now_ms, AT, "operator", "why", SETTLE_MS)
    step = settlement.decide(LedgerTable(client, table_name).find(KEY))
    assert isinstance(step, ledger.Write)
    client.update_item(TableName=table_name, Key=primary_key(KEY), **expressions(step.guard, step.changes))


# --- open attempts ----------------------------------------------------------------------------------


def test_index_holds_an_attempt_until_its_first_event(table: LedgerTable) -> None:
    claimed = table.claim(KEY, CLAIM)
    assert isinstance(claimed, Claimed)
    entry = OpenAttempt(KEY, "SENDING", 1_000, 61_000, 1)
    assert list(table.open_attempts(1_000, 1_000)) == [entry]
    assert list(table.open_attempts(0, 999)) == list(table.open_attempts(1_001, 2_000)) == []

    table.record_result(KEY, ledger.accepted(claimed, MESSAGE_ID, AT))
    assert list(table.open_attempts(0, 2_000)) == [replace(entry, status="SENT")]

    table.record_event(KEY, DELIVERED)
    assert list(table.open_attempts(0, 2_000)) == []


def test_index_tells_what_is_known_of_an_attempt_in_doubt(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    claimed = table.claim(KEY, CLAIM)
    assert isinstance(claimed, Claimed)
    table.record_result(KEY, ledger.answered(claimed, "InternalFailure", AT))
    settle(client, table_name, Choice.SEND_AGAIN)
    [entry] = table.open_attempts(0, 2_000)
    assert entry == OpenAttempt(KEY, "SENDING", 1_000, 61_000, 1, "error", "send_again")


def test_signs_are_those_of_a_window_around_in_all_parts_of_the_index(table: LedgerTable) -> None:
    for number in range(16):
        key = NotificationKey(f"{number:x}" * 32, "order_confirmation")
        claim = replace(CLAIM, now_ms=1_000 + number, open_shard=key.open_shard)
        claimed = table.claim(key, claim)
        assert isinstance(claimed, Claimed)
        if number % 2:
            table.record_result(key, ledger.accepted(claimed, "message", AT))
    for at_ms in (899, 900, 1_100, 1_101):
        table.mark(heard_marker(at_ms, at_ms, 2_000_000_000))
        table.mark(discarded_marker(f"event-{at_ms}", at_ms, 2_000_000_000))

    signs = table.signs(1_000, 100)

    awaited = [(Sign.AWAITED, 1_000 + number) for number in range(1, 16, 2)]
    markers = [(sign, at_ms) for sign in (Sign.HEARD, Sign.DISCARDED) for at_ms in (900, 1_100)]
    assert sorted(signs) == sorted([*awaited, *markers])


def test_index_is_read_page_by_page(client: Any, table_name: str) -> None:
    table = LedgerTable(client, table_name)
    for at_ms in range(5):
        table.mark(heard_marker(at_ms, at_ms * 16, 2_000_000_000))

    def one_at_a_time(call: Call, parameters: dict[str, Any]) -> Any:
        return call(**parameters, Limit=1)

    paged = LedgerTable(Between(client, "query", one_at_a_time), table_name)  # type: ignore[arg-type]
    assert [at_ms for _, at_ms in paged.signs(0, 100)] == [0, 16, 32, 48, 64]


def test_markers_expire(client: Any, table_name: str, table: LedgerTable) -> None:
    table.mark(heard_marker(7, 1_000, 1_900_000_000))
    table.mark(discarded_marker("id", 1_001, 2_000_000_000))
    items = stored_items(client, table_name)
    assert items[NotificationKey("~heard", "7")]["expires_at"] == 1_900_000_000
    assert items[NotificationKey("~discarded", "id")]["expires_at"] == 2_000_000_000


# --- what is asked for ------------------------------------------------------------------------------


def test_usual_course_takes_one_write_a_step_and_no_read(
    table: LedgerTable, requests: list[dict[str, Any]]
) -> None:
    claimed = table.claim(KEY, CLAIM)
    assert isinstance(claimed, Claimed)
    table.record_result(KEY, ledger.accepted(claimed, MESSAGE_ID, AT))
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

    writes = [request for made in requests for name, request in made.items() if name != "GetItem"]
    assert len(writes) > 5
    for write in writes:
        assert write["ConditionExpression"]
        assert write["ReturnValuesOnConditionCheckFailure"] == "ALL_OLD"


def test_reads_are_consistent(table: LedgerTable, requests: list[dict[str, Any]]) -> None:
    table.find(KEY)

    [read] = [request["GetItem"] for request in requests if "GetItem" in request]
    assert read["ConsistentRead"]


# --- lost answers -----------------------------------------------------------------------------------


@pytest.fixture
def unanswered(client: Any, table_name: str) -> LedgerTable:
    """A table of which every first answer to a write is lost, so that the SDK writes once more."""

    def twice(call: Call, parameters: dict[str, Any]) -> Any:
        call(**parameters)
        return call(**parameters)

    return LedgerTable(Between(client, "update_item", twice), table_name)  # type: ignore[arg-type]


def test_work_goes_on_as_usual_when_first_answers_are_lost(
    client: Any, table_name: str, unanswered: LedgerTable
) -> None:
    claimed = unanswered.claim(KEY, CLAIM)
    assert claimed == Claimed(1, "first")
    assert isinstance(claimed, Claimed)
    assert unanswered.record_result(KEY, ledger.released(claimed, "Throttling", AT)) == Recorded(Status.READY)
    assert unanswered.claim(KEY, replace(CLAIM, token="second")) == Claimed(2, "second")
    assert unanswered.record_event(KEY, DELIVERED) == EventRepeated()

    item = stored_items(client, table_name)[KEY]
    assert (item["status"], item["attempt"], item["resends"]) == (Status.DELIVERED, 2, 0)
    assert list(item["history"]) == [DELIVERED.id]


def test_resend_is_counted_once_when_the_first_answer_is_lost(
    client: Any, table_name: str, unanswered: LedgerTable
) -> None:
    claimed = unanswered.claim(KEY, CLAIM)
    assert isinstance(claimed, Claimed)
    unanswered.record_result(KEY, ledger.answered(claimed, "InternalFailure", AT))

    assert isinstance(unanswered.claim(KEY, AFTER_SETTLING), LookAgain)
    verdict = unanswered.claim(KEY, SECOND_LOOK)

    assert isinstance(verdict, Claimed)
    assert verdict.attempt == 2
    assert stored_items(client, table_name)[KEY]["resends"] == 1


def test_second_message_is_counted_once_when_the_first_answer_is_lost(
    client: Any, table_name: str, unanswered: LedgerTable
) -> None:
    unanswered.claim(KEY, CLAIM)
    unanswered.record_event(KEY, DELIVERED)

    result = ledger.accepted(Claimed(1, "first"), "message-2", AT)

    assert unanswered.record_result(KEY, result) == Superseded()
    assert stored_items(client, table_name)[KEY]["duplicate_message_ids"] == {"1:message-2"}


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
    result = ledger.released if was_released else ledger.answered
    table.record_result(KEY, result(Claimed(1, "first"), "reason", AT))
    if not was_released:
        table.claim(KEY, AFTER_SETTLING)

    def after_the_event(call: Call, parameters: dict[str, Any]) -> Any:
        if ":guard_attempt" in parameters["ExpressionAttributeValues"]:
            table.record_event(KEY, DELIVERED)
        return call(**parameters)

    slower = LedgerTable(Between(client, "update_item", after_the_event), table_name)  # type: ignore[arg-type]

    assert slower.claim(KEY, SECOND_LOOK) == AlreadyHandled(Status.DELIVERED)
    assert stored_items(client, table_name)[KEY]["status"] == Status.DELIVERED


def test_first_look_is_not_noted_on_another_attempt(client: Any, table_name: str, table: LedgerTable) -> None:
    table.claim(KEY, CLAIM)
    table.record_result(KEY, ledger.answered(Claimed(1, "first"), "InternalFailure", AT))
    table.claim(KEY, AFTER_SETTLING)
    others = iter([replace(SECOND_LOOK, token="faster")])

    def after_another(call: Call, parameters: dict[str, Any]) -> Any:
        if ":guard_attempt" in parameters["ExpressionAttributeValues"]:
            for claim in others:
                assert isinstance(table.claim(KEY, claim), Claimed)
        return call(**parameters)

    waiting = replace(SECOND_LOOK, evidence=Evidence("first", queues_empty=False))
    slower = LedgerTable(Between(client, "update_item", after_another), table_name)  # type: ignore[arg-type]

    assert isinstance(slower.claim(KEY, waiting), InFlight)


def test_other_content_is_counted_with_the_record_as_it_is(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    table.claim(KEY, CLAIM)
    table.record_event(KEY, DELIVERED)

    other = replace(CLAIM, token="second", fingerprint="other content")
    assert table.claim(KEY, other) == table.claim(KEY, other) == Mismatch(Status.DELIVERED)

    item = stored_items(client, table_name)[KEY]
    assert (item["mismatches"], item["mismatch_at"], item["fingerprint"]) == (2, AT, "content")


def test_duplicate_is_noted_once_by_events_that_come_at_the_same_time(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    table.claim(KEY, CLAIM)
    table.record_event(KEY, DELIVERED)
    sent, bounced = (
        SesEvent(status, 2, status, "message-2", AT, AT, {"at": AT})
        for status in (Status.SENT, Status.BOUNCED)
    )
    others = iter([sent])

    def after_another(call: Call, parameters: dict[str, Any]) -> Any:
        if ":duplicates_lack" in parameters["ExpressionAttributeValues"]:
            for other in others:
                assert table.record_event(KEY, other) == EventRecorded(None, duplicate=True)
        return call(**parameters)

    slower = LedgerTable(Between(client, "update_item", after_another), table_name)  # type: ignore[arg-type]

    assert slower.record_event(KEY, bounced) == EventRecorded(Status.BOUNCED)
    assert stored_items(client, table_name)[KEY]["duplicate_message_ids"] == {"2:message-2"}


def test_message_is_a_duplicate_when_another_becomes_known_while_it_is_decided(
    client: Any, table_name: str, table: LedgerTable
) -> None:
    """Of an email that a person has called sent, and that therefore has no message id yet."""
    table.claim(KEY, CLAIM)
    settle(client, table_name, Choice.SENT)
    first, second = (
        SesEvent(message_id, 1, Status.SENT, message_id, AT, AT, {"at": AT}) for message_id in ("one", "two")
    )
    others = iter([first])

    def after_another(call: Call, parameters: dict[str, Any]) -> Any:
        if "attribute_not_exists(#message_id)" in parameters["ConditionExpression"]:
            for other in others:
                assert table.record_event(KEY, other) == EventRecorded(None)
        return call(**parameters)

    slower = LedgerTable(Between(client, "update_item", after_another), table_name)  # type: ignore[arg-type]

    assert slower.record_event(KEY, second) == EventRecorded(None, duplicate=True)
    item = stored_items(client, table_name)[KEY]
    assert (item["message_id"], item["duplicate_message_ids"]) == ("one", {"1:two"})


def test_order_that_is_too_old_is_decided_on_as_it_was_read(table: LedgerTable) -> None:
    table.claim(KEY, CLAIM)
    table.record_result(KEY, ledger.answered(Claimed(1, "first"), "InternalFailure", AT))
    found = table.find(KEY)
    assert isinstance(table.claim(KEY, replace(AFTER_SETTLING, evidence=None), found), NeedsEvidence)
    assert isinstance(table.claim(KEY, replace(AFTER_SETTLING, too_old=True), found), Undecided)


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
        pytest.param("query", lambda table: table.signs(1_000, 100), id="signs"),
        pytest.param("put_item", lambda table: table.mark(heard_marker(1, 2, 3)), id="mark"),
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
