"""What outlives its stack is known, and can be deleted."""

from __future__ import annotations

from typing import Any

import pytest

from ci.taskcat.retained import command
from ops.deploying.retained import DELETIONS, Retained, delete
from tests.templates.model import CHILDREN, template

RETAINED_TYPES = {
    resource["Type"]
    for child in CHILDREN
    for resource in template(child)["Resources"].values()
    if resource.get("DeletionPolicy", "").startswith("Retain")
}


class Recorder:
    """Stands in for the clients: notes each call."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def client(self, service: str) -> Any:
        return _Client(lambda operation, **given: self.calls.append((service, operation, given)))


class _Client:
    def __init__(self, note: Any) -> None:
        self._note = note

    def __getattr__(self, operation: str) -> Any:
        return lambda **given: self._note(operation, **given)


def test_each_type_that_the_templates_retain_can_be_deleted() -> None:
    assert DELETIONS.keys() == RETAINED_TYPES


@pytest.mark.parametrize(
    ("type_", "id_", "printed"),
    [
        ("AWS::DynamoDB::Table", "ledger", "aws dynamodb delete-table --table-name ledger"),
        ("AWS::KMS::Key", "1f", "aws kms schedule-key-deletion --key-id 1f --pending-window-in-days 30"),
        ("AWS::Logs::LogGroup", "/a/b", "aws logs delete-log-group --log-group-name /a/b"),
        ("AWS::SQS::Queue", "https://q", "aws sqs delete-queue --queue-url https://q"),
        (
            "AWS::SecretsManager::Secret",
            "arn:s",
            "aws secretsmanager delete-secret --secret-id arn:s --force-delete-without-recovery",
        ),
    ],
)
def test_command_deletes_it_in_its_region(type_: str, id_: str, printed: str) -> None:
    assert command(Retained("It", type_, id_), "eu-west-1") == f"{printed} --region eu-west-1"


def test_it_is_deleted_by_the_call_that_the_command_names() -> None:
    recorder = Recorder()
    delete(recorder, Retained("Key", "AWS::KMS::Key", "1f"))  # type: ignore[arg-type]
    assert recorder.calls == [("kms", "schedule_key_deletion", {"KeyId": "1f", "PendingWindowInDays": 30})]
