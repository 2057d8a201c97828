"""`settle`: what is shown of an email in doubt, what each choice does, and what overtakes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from notifications import ledger
from notifications.email_types import EmailTypes
from notifications.evidence import ResendAfterSilence, SettlingRules
from notifications.keys import NotificationKey, notification_key
from notifications.ledger import AlreadyHandled, Claim, Claimed, EventRecorded, SesEvent, Status, Verdict
from notifications.ledger_table import LedgerTable
from notifications.order_event import parse
from notifications.sending import record_attributes
from notifications.settings import SendSettings
from notifications.times import epoch_ms, iso
from ops import cli, settling, targets
from ops.aws import Aws
from ops.targets import Deployed
from tests.support.ledger_table import create_ledger_table, stored_items
from tests.support.system import order

REGION = "us-east-1"
NOW = datetime.now(UTC)
MINUTE = timedelta(minutes=1)
SETTINGS = {
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
    "maximum_event_age_hours": "72",
    "record_retention_days": "60",
    "settle_window_seconds": "900",
    "decision_after_minutes": "60",
    "resend_after_silence": "answered",
    "send_queue_max_receives": "250",
    "send_maximum_concurrency": "2",
    "ses_rate_share_percent": "80",
    "ses_fallback_rate_per_second": "1",
    "function_timeout_seconds": "60",
}
RULES = SettlingRules(900_000, 3_600_000, ResendAfterSilence.ANSWERED)
VARIABLES = {name.upper(): value for name, value in SETTINGS.items()}
LOG_GROUP = "/aws/lambda/send-email"


@dataclass
class Shop:
    """A deployment whose ledger, queues and logs are real, and what workers and SES have done to it."""

    of: Deployed
    vdm: dict[str, str] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def table(self) -> LedgerTable:
        return LedgerTable(self.of.aws.dynamodb, self.of.outputs["LedgerTableName"])

    def claim(self, order_id: str, ago: timedelta = timedelta(hours=5), **changes: Any) -> Verdict:
        """A worker claims the order's email; the order is of then."""
        at = NOW - ago
        event = self.events.setdefault(order_id, order(order_id, ordered_at=iso(at)))
        notification = parse(json.dumps(event), at, EmailTypes())
        token = f"worker at {at}"
        claim = Claim(
            now_ms=epoch_ms(at),
            at=iso(at),
            send_by_ms=epoch_ms(at + MINUTE),
            token=token,
            fingerprint=notification.fingerprint,
            rules=RULES,
            open_shard=key(order_id).open_shard,
            attributes=record_attributes(notification, "c-1", "any", at + timedelta(days=60)),
            **changes,
        )
        found = self.table.find(key(order_id)) if claim.too_old else None
        return self.table.claim(key(order_id), claim, found)

    def in_doubt(self, *order_ids: str, ago: timedelta = timedelta(hours=5)) -> None:
        for order_id in order_ids:
            assert isinstance(self.claim(order_id, ago), Claimed)

    def result(self, order_id: str, make: Callable[..., Any], *details: str) -> None:
        record = self.table.find(key(order_id))
        assert record is not None
        self.table.record_result(
            key(order_id), make(Claimed(record.attempt, record.token), *details, iso(NOW))
        )

    def event(self, order_id: str, status: Status = Status.DELIVERED, attempt: int = 1) -> Verdict:
        made = SesEvent(
            f"e-{status}", attempt, status, "m-1", iso(NOW), iso(NOW), {"at": iso(NOW), "event": "X"}
        )
        return self.table.record_event(key(order_id), made)

    def log(self, order_id: str, at: datetime, **fields: Any) -> None:
        of_key = {"order_key": key(order_id).order_key, "notification": "order_confirmation", "attempt": 1}
        line = json.dumps({"message": "email", **of_key, **fields})
        self.of.aws.client("logs").put_log_events(
            logGroupName=LOG_GROUP,
            logStreamName="all",
            logEvents=[{"timestamp": epoch_ms(at), "message": line}],
        )

    def bury(self, order_id: str, **changes: Any) -> None:
        """The order's message has become a dead letter."""
        self.of.aws.sqs.send_message(
            QueueUrl=self.of.outputs["SendDeadLetterQueueUrl"],
            MessageBody=json.dumps(self.events[order_id] | changes),
        )

    def bodies(self, output: str) -> list[Any]:
        received = self.of.aws.sqs.receive_message(
            QueueUrl=self.of.outputs[output], MaxNumberOfMessages=10, VisibilityTimeout=0
        )
        return [json.loads(message["Body"]) for message in received.get("Messages", [])]

    def record(self, order_id: str) -> dict[str, Any]:
        return self.items[key(order_id)]

    def audits(self) -> list[dict[str, Any]]:
        return [item for item_key, item in self.items.items() if item_key.order_key == "~audit"]

    @property
    def items(self) -> dict[NotificationKey, dict[str, Any]]:
        return stored_items(self.of.aws.dynamodb, self.of.outputs["LedgerTableName"])


def key(order_id: str) -> NotificationKey:
    return notification_key("order_confirmation", order_id)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr("ops.dead_letters.queue.LONG_POLL_SECONDS", 0)
    with mock_aws():
        aws = Aws(REGION, boto3.Session(region_name=REGION), {})
        outputs = {
            name: aws.sqs.create_queue(QueueName=name)["QueueUrl"]
            for name in ("SendQueueUrl", "SendDeadLetterQueueUrl")
        }
        outputs |= {
            "LedgerTableName": create_ledger_table(aws.dynamodb),
            "SendEmailFunctionName": "send-email",
            "TrackDeliveryFunctionName": "track-delivery",
        }
        for name in ("send-email", "track-delivery"):
            aws.client("logs").create_log_group(logGroupName=f"/aws/lambda/{name}")
        aws.client("logs").create_log_stream(logGroupName=LOG_GROUP, logStreamName="all")
        made = Shop(Deployed("shop", aws, outputs, NOW))
        monkeypatch.setattr(targets, "find", lambda _env, _region: made.of)
        real: Callable[[str], Any] = aws.client
        functions = SimpleNamespace(
            get_function_configuration=lambda FunctionName: {  # noqa: N803
                "FunctionName": FunctionName,
                "Environment": {"Variables": VARIABLES},
            }
        )
        ses = SimpleNamespace(get_account=lambda: {"VdmAttributes": made.vdm})
        fakes: dict[str, Any] = {"lambda": functions, "sesv2": ses}
        monkeypatch.setattr(Aws, "client", lambda _self, service: fakes.get(service) or real(service))
        yield made


def notify(*arguments: str, exit_code: int = 0) -> Any:
    result = CliRunner().invoke(cli.app, ["settle", *arguments])
    assert result.exit_code == exit_code, result.output
    return result


def settled(*arguments: str, exit_code: int = 0) -> list[dict[str, Any]]:
    """What came of each attempt, decided for a reason."""
    command = (*arguments, "--reason", "INC-1", "--yes", "--json")
    attempts: list[dict[str, Any]] = json.loads(notify(*command, exit_code=exit_code).stdout)["attempts"]
    return attempts


def shown(*arguments: str) -> list[dict[str, Any]]:
    """What is known of each attempt."""
    document = json.loads(notify(*arguments, "--json").stdout)
    assert document["dry_run"]
    attempts: list[dict[str, Any]] = document["attempts"]
    return attempts


# --- looking ----------------------------------------------------------------------------------------


def test_looking_shows_the_attempt_its_log_and_what_others_of_those_minutes_did(shop: Shop) -> None:
    claimed_at = NOW - timedelta(hours=5)
    shop.in_doubt("A-1", "A-2", "A-3", "A-4")
    shop.in_doubt("A-5", ago=timedelta(hours=9))
    shop.result("A-2", ledger.accepted, "m-2")
    shop.result("A-3", ledger.accepted, "m-3")
    shop.event("A-3")
    shop.log("A-1", claimed_at, outcome="unknown", detail="unanswered: ReadTimeoutError")
    for other in ("A-2", "A-3"):
        shop.log(other, claimed_at, outcome="accepted", message_id="m")
    shop.log("A-5", NOW - timedelta(hours=9), outcome="accepted", message_id="m-5")

    [one] = shown("A-1")

    assert (one["attempt"], one["doubt"], one["events"], one["message_id"]) == (1, "unanswered", [], None)
    assert one["claimed_at"] == iso(claimed_at)[:-5] + one["claimed_at"][-5:]
    assert [line.partition(" ")[2] for line in one["log"]] == ["email unknown: unanswered: ReadTimeoutError"]
    assert (one["accepted_around"], one["silent_around"], one["in_doubt_around"]) == (2, 1, 1)
    said = notify("A-1")
    assert "ReadTimeoutError" in said.stdout
    assert "nothing was changed; choose --sent, --send-again or --give-up" in said.stderr
    assert shop.record("A-1")["status"] == "SENDING"
    assert "A-1" not in said.stderr


def test_answer_that_could_not_be_recorded_is_known_by_its_log_line_and_only_settled_as_sent(
    shop: Shop,
) -> None:
    shop.in_doubt("A-1")
    shop.log("A-1", NOW - timedelta(hours=5), outcome="accepted", detail="not recorded", message_id="m-1")

    assert shown("A-1")[0]["message_id"] == "m-1"
    assert "SES has accepted 1 of these 1" in notify("A-1").stderr
    for choice in ("--send-again", "--give-up"):
        [left] = settled("A-1", choice)
        assert left["became"] == "left"
        assert "settle it with --sent" in left["text"]
    assert shop.audits() == []
    assert [one["became"] for one in settled("A-1", "--sent")] == ["recorded_as_sent"]


@pytest.mark.parametrize(
    ("vdm", "said"), [("ENABLED", "aws sesv2 create-export-job"), ("DISABLED", "is off")]
)
def test_ses_is_asked_by_destination_where_it_keeps_message_insights(shop: Shop, vdm: str, said: str) -> None:
    shop.in_doubt("A-1")
    shop.vdm["VdmEnabled"] = vdm
    assert said in notify("A-1").stderr


def test_export_of_few_emails_names_their_addresses_and_of_many_only_the_time(shop: Shop) -> None:
    ids = [f"A-{number}" for number in range(settling.MOST_DESTINATIONS + 1)]
    shop.in_doubt(ids[0])
    for id_ in ids[1:]:
        shop.events[id_] = order(id_, to=f"{id_}@example.com", ordered_at=iso(NOW - timedelta(hours=5)))
    shop.in_doubt(*ids[1:])
    whole_day = (NOW - timedelta(days=1), NOW)
    all_of_them = settling.between(shop.of, *whole_day, RULES, NOW)

    few, many = (settling.export_command(some, RULES) for some in (all_of_them[:2], all_of_them))

    assert '"Destination"' in few
    assert '"Destination"' not in many
    assert '"StartDate"' in many


def test_address_of_a_customer_is_only_shown_in_the_command_that_asks_for_it(shop: Shop) -> None:
    shop.in_doubt("A-1")
    assert "@" not in notify("A-1").output


# --- deciding on one --------------------------------------------------------------------------------


def test_nothing_is_decided_without_yes(shop: Shop) -> None:
    shop.in_doubt("A-1")
    before = shop.items
    said = notify("A-1", "--give-up", "--reason", "INC-1")
    assert "nothing was changed; --yes does it" in said.stderr
    assert shop.items == before


def test_email_that_is_settled_as_sent_stays_sent_and_its_event_tells_by_which_id(shop: Shop) -> None:
    shop.in_doubt("A-1")

    assert [one["text"] for one in settled("A-1", "--sent")] == ["recorded as sent"]

    record = shop.record("A-1")
    assert (record["status"], "message_id" in record, "open_shard" in record) == ("SENT", False, False)
    assert shop.claim("A-1", timedelta(0)) == AlreadyHandled(Status.SENT)
    assert shop.event("A-1") == EventRecorded(Status.DELIVERED)
    assert shop.record("A-1")["message_id"] == "m-1"
    [audit] = shop.audits()
    assert (audit["action"], audit["choice"], audit["attempt"], audit["reason"]) == (
        "settle",
        "sent",
        "1",
        "INC-1",
    )
    assert audit["record"] == str(key("A-1"))


def test_email_that_is_given_up_is_not_sent_and_an_event_still_shows_that_it_was(shop: Shop) -> None:
    shop.in_doubt("A-1")

    assert [one["became"] for one in settled("A-1", "--give-up")] == ["given_up"]

    assert shop.claim("A-1", timedelta(0)) == AlreadyHandled(Status.ABANDONED)
    assert shop.event("A-1") == EventRecorded(Status.DELIVERED)


def test_email_that_is_to_be_sent_again_waits_for_its_order_event_and_is_then_claimed(shop: Shop) -> None:
    shop.in_doubt("A-1")

    [one] = settled("A-1", "--send-again")

    assert one["became"] == "awaits_order_event"
    assert "publish it again" in one["text"]
    assert settling.waiting(shop.of, RULES, NOW).decided == 1
    assert shop.claim("A-1", timedelta(0), too_old=True) == Claimed(2, f"worker at {NOW}", resend=True)
    assert settling.waiting(shop.of, RULES, NOW).decided == 0
    assert "decision" not in shop.record("A-1")


def test_order_among_the_dead_letters_is_redriven_when_it_is_to_be_sent_again(shop: Shop) -> None:
    shop.in_doubt("A-1", "A-2", ago=timedelta(days=5))
    shop.bury("A-1")
    shop.bury("A-2")

    [one] = settled("A-1", "--send-again")

    assert one["became"] == "redriven"
    assert [body["order_id"] for body in shop.bodies("SendQueueUrl")] == ["A-1"]
    assert [body["order_id"] for body in shop.bodies("SendDeadLetterQueueUrl")] == ["A-2"]


def test_command_that_was_killed_before_the_redrive_goes_on_when_it_is_run_again(shop: Shop) -> None:
    shop.in_doubt("A-1")
    settled("A-1", "--send-again")
    shop.bury("A-1")
    assert [one["became"] for one in settled("A-1", "--send-again")] == ["redriven"]
    assert len(shop.audits()) == 1


def test_person_may_think_better_of_it_until_the_new_attempt_is_claimed(shop: Shop) -> None:
    shop.in_doubt("A-1")
    settled("A-1", "--send-again")
    assert [one["became"] for one in settled("A-1", "--give-up")] == ["given_up"]
    assert shop.claim("A-1", timedelta(0)) == AlreadyHandled(Status.ABANDONED)


def test_event_that_comes_before_the_new_attempt_wins(shop: Shop) -> None:
    shop.in_doubt("A-1")
    settled("A-1", "--send-again")
    assert shop.event("A-1") == EventRecorded(Status.DELIVERED)
    assert shop.claim("A-1", timedelta(0)) == AlreadyHandled(Status.DELIVERED)


@pytest.mark.parametrize("choice", ["--sent", "--send-again", "--give-up"])
def test_event_that_comes_between_look_and_decision_wins(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, choice: str
) -> None:
    """The event is recorded after the evidence was shown, just before the decision is written."""
    shop.in_doubt("A-1")
    write = shop.of.aws.dynamodb.transact_write_items

    def overtaken(**call: Any) -> Any:
        shop.event("A-1", Status.BOUNCED)
        return write(**call)

    monkeypatch.setattr(shop.of.aws.dynamodb, "transact_write_items", overtaken)

    [one] = settled("A-1", choice)

    assert (one["became"], one["text"]) == ("overtaken", "nothing to decide any more: it is BOUNCED by now")
    assert shop.record("A-1")["status"] == "BOUNCED"
    assert shop.audits() == []


def test_decision_does_not_hold_for_another_attempt_than_was_shown(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague has decided to send it again meanwhile, and that attempt has begun."""
    shop.in_doubt("A-1")
    [seen] = settling.of_order(shop.of, "A-1", RULES, NOW)
    settled("A-1", "--send-again")
    assert isinstance(shop.claim("A-1", timedelta(hours=1)), Claimed)
    monkeypatch.setattr(settling, "of_order", lambda *_: [seen])

    [one] = settled("A-1", "--give-up")

    assert (one["became"], one["text"]) == ("overtaken", "left: another attempt is under way by now")
    assert shop.record("A-1")["status"] == "SENDING"


def test_attempt_whose_event_may_be_on_the_way_is_not_decided_on(shop: Shop) -> None:
    shop.in_doubt("A-1", ago=5 * MINUTE)
    result = notify("A-1", "--sent", "--reason", "INC-1", "--yes", exit_code=1)
    assert "until" in result.stderr
    assert shop.audits() == []


def test_order_of_which_nothing_is_in_doubt_is_refused(shop: Shop) -> None:
    shop.in_doubt("A-1")
    shop.event("A-1")
    assert "No email of order A-1 is in doubt" in notify("A-1", exit_code=1).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("A-1", "--between", "2026-11-24T06:00:00Z", "2026-11-24T07:00:00Z"),
        ("A-1", "--sent", "--give-up", "--reason", "why"),
        ("A-1", "--sent"),
        ("--between", "yesterday", "2026-11-24T07:00:00Z"),
        ("--between", "2026-11-24T06:00:00", "2026-11-24T07:00:00"),
    ],
)
@pytest.mark.usefixtures("shop")
def test_wrong_usage_is_refused(arguments: tuple[str, ...]) -> None:
    notify(*arguments, exit_code=2)


# --- deciding on many -------------------------------------------------------------------------------

MANY = 170
INCIDENT = ("--between", iso(NOW - timedelta(hours=6)), iso(NOW - timedelta(hours=4)))


def test_all_of_an_incident_are_settled_at_once_with_one_table_and_one_summary(shop: Shop) -> None:
    ids = [f"A-{number}" for number in range(MANY)]
    shop.in_doubt(*ids)
    shop.in_doubt("later", ago=timedelta(hours=2))
    shop.event(ids[0])
    for id_ in ids[1:4]:
        shop.bury(id_)

    assert len(shown(*INCIDENT)) == MANY - 1
    done = notify(*INCIDENT, "--send-again", "--reason", "INC-1", "--yes")

    assert "166 awaits order event, 3 redriven" in done.stdout
    items = shop.items
    assert {items[key(id_)].get("decision") for id_ in ids[1:]} == {"send_again"}
    assert "decision" not in items[key("later")]
    assert len(shop.audits()) == MANY - 1
    assert sorted(body["order_id"] for body in shop.bodies("SendQueueUrl")) == ids[1:4]


def test_attempt_that_is_made_again_by_itself_is_no_matter_of_an_incident_until_it_is_due(shop: Shop) -> None:
    for id_, ago in (("young", timedelta(minutes=40)), ("due", timedelta(hours=5))):
        shop.in_doubt(id_, ago=ago)
        shop.result(id_, ledger.answered, "InternalServiceError")

    found = shown("--between", iso(NOW - timedelta(hours=6)), iso(NOW))

    assert [(one["order_id"], one["doubt"]) for one in found] == [("due", "answered")]
    assert [one["order_id"] for one in shown("young")] == ["young"]
    assert "InternalServiceError" in notify("due").stdout


def test_incident_without_anything_in_doubt_says_no(shop: Shop) -> None:
    shop.in_doubt("A-1")
    shop.event("A-1")
    result = notify(*INCIDENT, "--json", exit_code=1)
    assert json.loads(result.stdout)["attempts"] == []


@pytest.mark.parametrize(
    ("stop", "said"),
    [
        (KeyboardInterrupt(), "stopped after 1 of 3: the same command goes on"),
        (ClientError({"Error": {"Code": "AccessDenied"}}, "TransactWriteItems"), "A right is missing"),
    ],
)
def test_command_that_is_broken_off_tells_how_far_it_got_and_goes_on(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, stop: BaseException, said: str
) -> None:
    shop.in_doubt("A-1", "A-2", "A-3")
    write = shop.of.aws.dynamodb.transact_write_items
    calls: list[Any] = []

    def stopped(**call: Any) -> Any:
        calls.append(call)
        if len(calls) > 1:
            raise stop
        return write(**call)

    with monkeypatch.context() as patched:
        patched.setattr(shop.of.aws.dynamodb, "transact_write_items", stopped)
        result = notify(*INCIDENT, "--sent", "--reason", "INC-1", "--yes", exit_code=3)
    assert said in result.stderr
    assert len(settled(*INCIDENT, "--sent")) == 2


# --- what waits -------------------------------------------------------------------------------------


def test_what_waits_for_a_person_and_what_for_its_order_event_is_counted_when_it_is_due(shop: Shop) -> None:
    assert settling.waiting(shop.of, RULES, NOW) == settling.Waiting()
    shop.in_doubt("A-1", "A-2", "A-3", "A-4")
    shop.in_doubt("young", ago=timedelta(minutes=40))
    shop.event("A-4")
    settled("A-3", "--send-again")

    found = settling.waiting(shop.of, RULES, NOW)

    assert (found.undecided, found.decided) == (2, 1)
    assert found.oldest is not None
    assert iso(found.oldest) == shown("A-1")[0]["claimed_at"]


def test_settings_of_the_shop_are_those_of_a_function() -> None:
    assert SendSettings.from_environment(VARIABLES).settling == RULES
