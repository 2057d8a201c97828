"""What outlives its stack is known, and can be deleted."""

from __future__ import annotations

from typing import Any

import pytest

from ci.taskcat.retained import DELETIONS, Retained
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

    def client(self, service: str, region: str) -> Any:
        return _Client(lambda operation, **given: self.calls.append((service, region, operation, given)))


class _Client:
    def __init__(self, note: Any) -> None:
        self._note = note

    def __getattr__(self, operation: str) -> Any:
        return lambda **given: self._note(operation, **given)


def test_each_type_that_the_templates_retain_can_be_deleted() -> None:
    assert DELETIONS.keys() == RETAINED_TYPES


@pytest.mark.parametrize(
    ("type_", "id_", "command"),
    [
        ("AWS::DynamoDB::Table", "ledger", "aws dynamodb delete-table --table-name ledger"),
        ("AWS::KMS::Key", "1f", "aws kms schedule-key-deletion --key-id 1f --pending-window-in-days 7"),
        ("AWS::Logs::LogGroup", "/a/b", "aws logs delete-log-group --log-group-name /a/b"),
        ("AWS::SQS::Queue", "https://q", "aws sqs delete-queue --queue-url https://q"),
        (
            "AWS::SecretsManager::Secret",
            "arn:s",
            "aws secretsmanager delete-secret --secret-id arn:s --force-delete-without-recovery",
        ),
    ],
)
def test_command_deletes_it_in_its_region(type_: str, id_: str, command: str) -> None:
    assert Retained("eu-west-1", type_, id_).command == f"{command} --region eu-west-1"


def test_it_is_deleted_by_the_call_that_the_command_names() -> None:
    recorder = Recorder()
    Retained("eu-west-1", "AWS::KMS::Key", "1f").delete(recorder.client)
    assert recorder.calls == [
        ("kms", "eu-west-1", "schedule_key_deletion", {"KeyId": "1f", "PendingWindowInDays": 7})
    ]
