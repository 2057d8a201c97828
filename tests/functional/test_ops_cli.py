"""What `notify` prints where, and with which exit code it ends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from typer.testing import CliRunner

from notifications.keys import order_key
from ops import cli, local, targets
from ops import demo as demonstration
from ops.aws import Aws
from ops.demo import Demonstration
from ops.demo_orders import DemoObserved, DemoOrder
from ops.errors import DeploymentError, EmulatorError, StackMissingError
from ops.targets import Deployed
from tests.support.ledger_table import create_ledger_table

REGION = "us-east-1"
RECORD = {
    "order_key": order_key("A-1"),
    "notification": "order_confirmation",
    "order_id": "A-1",
    "type": "order_confirmation",
    "status": "DELIVERED",
    "attempt": 1,
    "recipient": "ada@example.com",
    "created_at": "2026-11-24T06:00:01.000Z",
    "updated_at": "2026-11-24T06:00:03.000Z",
    "history": {"a": {"at": "2026-11-24T06:00:02.500Z", "event": "Delivery", "attempt": 1}},
}
MAIL = {
    "message_id": "m-1",
    "accepted_at": 1.0,
    "to": ["ada@example.com"],
    "from": "orders@example.com",
    "subject": "Your order [red]A-1[/red]\x1b[31m",
    "html": "<p>Thank you</p>",
    "text": "Thank you",
    "tags": {"attempt": "1"},
    "configuration_set": "email-notifications-local",
    "headers": [],
}


class Environment:
    """A running local environment, with moto in the emulator's place."""

    def __init__(self) -> None:
        self.aws = Aws(REGION, boto3.Session(region_name=REGION), {})
        self.mails: list[dict[str, Any]] = []
        self.emulator = SimpleNamespace(accepted=lambda: self.mails)
        self.endpoint_url = "http://127.0.0.1:4566"
        self.stopped = False
        topic = self.aws.sns.create_topic(Name="order-events")["TopicArn"]
        self.queue_url = self.aws.sqs.create_queue(QueueName="send")["QueueUrl"]
        self.aws.sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{REGION}:123456789012:send",
            Attributes={"RawMessageDelivery": "true"},
        )
        create_ledger_table(self.aws.dynamodb, "ledger")
        self._outputs = {"OrderEventsTopicArn": topic, "LedgerTableName": "ledger"}

    def outputs(self) -> dict[str, str]:
        return self._outputs

    def status(self) -> dict[str, Any]:
        depth = {"waiting": 1, "in_flight": 2, "delayed": 3}
        stack = {"name": local.STACK_NAME, "status": "CREATE_COMPLETE"}
        return local.NOT_RUNNING | {"running": True, "stack": stack, "queues": {"send": depth}}

    def down(self) -> None:
        self.stopped = True

    def record(self, item: dict[str, Any]) -> None:
        boto3.resource("dynamodb", region_name=REGION).Table("ledger").put_item(Item=item)

    def received(self) -> list[str]:
        messages = self.aws.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10)
        return sorted(message["Body"] for message in messages.get("Messages", []))


@pytest.fixture
def environment(moto: None, monkeypatch: pytest.MonkeyPatch) -> Environment:
    made = Environment()
    monkeypatch.setattr(local, "get", lambda: made)
    monkeypatch.setattr(local, "find", lambda: made)
    found = Deployed(local.STACK_NAME, made.aws, made.outputs(), datetime.now(UTC))
    monkeypatch.setattr(targets, "find", lambda _env, _region: found)
    return made


@pytest.fixture
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(local, "FOLDER", tmp_path)


def notify(*arguments: str, stdin: str | bytes = "") -> Any:
    return CliRunner().invoke(cli.app, arguments, input=stdin)


def test_publish_tells_order_and_message_ids(environment: Environment, tmp_path: Path) -> None:
    path = tmp_path / "order.json"
    path.write_text('{"order_id": "A-1", "type": "order_confirmation"}')
    result = notify("publish", str(path))
    assert result.exit_code == 0
    assert result.stdout.startswith("A-1  message ")
    assert environment.received() == ['{"order_id": "A-1", "type": "order_confirmation"}']


def test_publish_sends_each_event_of_stdin(environment: Environment) -> None:
    result = notify("publish", "-", "--json", stdin='{"order_id": "A-1"}\n{"nothing": 1}\n')
    published = json.loads(result.stdout)
    assert [entry["order_id"] for entry in published] == ["A-1", None]
    assert all(entry["message_id"] for entry in published)
    assert environment.received() == ['{"nothing": 1}', '{"order_id": "A-1"}']


@pytest.mark.parametrize(
    ("arguments", "stdin", "said"),
    [
        (["publish", "/nonexistent/order.json"], "", "/nonexistent/order.json cannot be read"),
        (["publish", "-"], '{"order_id": ', "is not JSON"),
        (["publish", "-"], b"\xff", "not UTF-8"),
        (["publish"], "", "Missing argument"),
        (["local", "up", "--port", "0"], "", "--port"),
    ],
)
def test_exit_code_is_2_when_usage_or_input_is_wrong(
    environment: Environment, arguments: list[str], stdin: str | bytes, said: str
) -> None:
    result = notify(*arguments, stdin=stdin)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert environment.received() == []


@pytest.mark.parametrize("command", [["find", "A-1"], ["audit"]])
def test_read_command_makes_only_the_clients_that_it_uses(
    environment: Environment, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    session = boto3.Session(region_name=REGION)
    make, made = session.client, []

    def recording(name: str, **options: Any) -> Any:
        made.append(name)
        return make(name, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(session, "client", recording)
    of = Deployed(local.STACK_NAME, Aws(REGION, session, {}), environment.outputs(), datetime.now(UTC))
    monkeypatch.setattr(targets, "find", lambda _env, _region: of)
    assert notify(*command).exit_code == 1
    assert made == ["dynamodb"]


def test_find_shows_status_and_timeline_in_plain_language(environment: Environment) -> None:
    environment.record(RECORD)
    result = notify("find", "A-1")
    assert result.exit_code == 0
    for part in (
        "A-1",
        "ada@example.com",
        "Delivered to the recipient's mail server",
        "Order event received",
    ):
        assert part in result.stdout


def test_find_prints_only_json_when_asked_to(environment: Environment) -> None:
    environment.record(RECORD)
    result = notify("find", "A-1", "--json")
    [record] = json.loads(result.stdout)
    assert record["status"] == "DELIVERED"
    assert [entry["event"] for entry in record["history"]] == ["Delivery"]


def test_find_ends_with_1_and_says_where_else_to_look_when_there_is_no_record(
    environment: Environment,
) -> None:
    result = notify("find", "A-1")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "dead-letter queue" in result.stderr


def test_find_prints_an_empty_list_and_ends_with_1_when_there_is_no_record(environment: Environment) -> None:
    result = notify("find", "A-1", "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, [])


def test_inbox_prints_the_whole_mails_as_json(environment: Environment) -> None:
    environment.mails = [MAIL]
    [mail] = json.loads(notify("local", "inbox", "--json").stdout)
    names = ("to", "from", "subject", "html", "text", "message_id", "tags", "configuration_set")
    assert mail == {name: MAIL[name] for name in names}


def test_inbox_shows_text_of_a_mail_without_letting_it_control_the_terminal(environment: Environment) -> None:
    environment.mails = [MAIL]
    shown = notify("local", "inbox").stdout
    assert "[red]A-1[/red]" in shown
    assert "\x1b" not in shown


def test_inbox_says_so_when_it_is_empty(environment: Environment) -> None:
    assert "No mail" in notify("local", "inbox").stdout
    assert json.loads(notify("local", "inbox", "--json").stdout) == []


def test_status_shows_stack_and_queues(environment: Environment) -> None:
    result = notify("local", "status")
    assert result.exit_code == 0
    assert "CREATE_COMPLETE" in result.stdout
    assert "1 waiting, 2 in flight, 3 delayed" in result.stdout
    assert json.loads(notify("local", "status", "--json").stdout) == environment.status()


@pytest.mark.usefixtures("no_environment")
def test_status_ends_with_1_when_nothing_runs() -> None:
    result = notify("local", "status", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["running"] is False
    assert "notify local up" in notify("local", "status").stdout


def test_down_stops_what_runs(environment: Environment) -> None:
    assert notify("local", "down").exit_code == 0
    assert environment.stopped


@pytest.mark.usefixtures("no_environment")
def test_down_is_content_when_nothing_runs() -> None:
    assert notify("local", "down").exit_code == 0


@pytest.mark.usefixtures("no_environment")
@pytest.mark.parametrize("arguments", [["find", "A-1"], ["publish", "-"], ["local", "inbox"]])
def test_command_says_how_to_start_the_emulator_when_it_does_not_run(arguments: list[str]) -> None:
    result = notify(*arguments, stdin="{}")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "not running" in result.stderr
    assert "notify local up" in result.stderr


@pytest.mark.parametrize(
    "error",
    [
        DeploymentError("Stack root is ROLLBACK_COMPLETE. SendingStack/X: no", "Correct that."),
        EmulatorError("Port 1 is taken.", "Correct that."),
        StackMissingError("There is no stack.", "Correct that."),
    ],
)
def test_expected_error_is_shown_with_its_remedy_and_without_traceback(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(local, "up", fail)
    result = notify("local", "up")
    assert result.exit_code == 3
    assert result.stderr == f"✗ {error.what}\n→ {error.next_step}\n"  # type: ignore[attr-defined]


def test_error_is_explained_when_the_emulator_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = local.LocalEnvironment(SimpleNamespace(endpoint_url="http://127.0.0.1:1"))  # type: ignore[arg-type]
    monkeypatch.setattr(local, "get", lambda: silent)
    result = notify("find", "A-1")
    assert result.exit_code == 3
    assert "does not answer" in result.stderr
    assert "notify local down" in result.stderr


def test_error_is_explained_when_a_request_is_refused(environment: Environment) -> None:
    environment.aws.dynamodb.delete_table(TableName="ledger")
    result = notify("find", "A-1")
    assert result.exit_code == 3
    assert "ResourceNotFoundException" in result.stderr


def test_closed_pipe_is_not_taken_for_a_silent_emulator(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(local, "find", fail)
    result = notify("local", "status")
    assert "emulator" not in result.stderr
    assert isinstance(result.exception, BrokenPipeError)


@pytest.mark.parametrize(
    ("refusal", "exit_code"), [({"error_field": "items", "error_reason": "must not be empty"}, 0), (None, 1)]
)
def test_demo_ends_with_1_unless_all_was_as_expected(
    monkeypatch: pytest.MonkeyPatch, refusal: dict[str, str] | None, exit_code: int
) -> None:
    malformed = DemoObserved(DemoOrder("A-1", "{}", None, what="no items"), refusal=refusal)
    shown = Demonstration([malformed], endpoint_url=None)
    monkeypatch.setattr(demonstration, "run", lambda _progress, *, keep: shown)
    result = notify("demo")
    assert result.exit_code == exit_code
    assert "no items" in result.stdout
    assert ("✗" in result.stdout) == (exit_code == 1)


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["publish"],
        ["find"],
        ["demo"],
        ["local"],
        ["local", "up"],
        ["local", "status"],
        ["local", "inbox"],
    ],
)
def test_help_documents_the_exit_codes(command: list[str]) -> None:
    result = notify(*command, "--help")
    assert result.exit_code == 0
    assert "Exit codes: 0 done" in result.stdout
