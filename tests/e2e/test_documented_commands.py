"""Each command of docs/deployment.md does what the page says, run as it is printed there.

The section "With rain" has a test of its own, which needs rain.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ci.emulator.process import Emulator
from ops import aws
from ops.aws import Aws
from ops.deploying import templates
from ops.deploying.stacks import find_stack, outputs_of
from tests.support import markdown
from tests.support import workspace as workspaces
from tests.support.system import PROJECT, System, order, order_id
from tests.support.workspace import Workspace

PAGE = PROJECT / "docs" / "deployment.md"
ROOT = "email-notifications-dev"
SECOND_REGION = "eu-west-1"
YES = "y\n" * 2


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    with Emulator.start(tmp_path / "emulator.log") as emulator:
        emulator.control.set_ses(max_send_rate=200)
        yield workspaces.make(tmp_path / "tree", emulator)


def run(workspace: Workspace, section: str, typed: str = YES) -> list[str]:
    """Run each command of a section, a line or a loop; returns what each has printed."""
    blocks = markdown.code(PAGE, section)
    commands = [c for block in blocks for c in ([block] if block.startswith("for ") else block.splitlines())]
    return [workspace.run(command, typed) for command in commands]


def script(section: str) -> str:
    """All commands of a section, to be run in one shell."""
    return "\n".join(markdown.code(PAGE, section))


def client(workspace: Workspace, region: str = "us-east-1") -> Aws:
    return aws.local(workspace.emulator.endpoint_url, region)


def status(workspace: Workspace, name: str, region: str = "us-east-1") -> str | None:
    found = find_stack(client(workspace, region).cloudformation, name)
    return found["StackStatus"] if found else None


def deliver(workspace: Workspace, *names: str) -> None:
    outputs: dict[str, str] = {}
    for name in names:
        stack = find_stack(client(workspace).cloudformation, name)
        assert stack is not None
        outputs |= outputs_of(stack)
    system = System(workspace.emulator, outputs)
    id_ = order_id()
    system.publish(order(id_))
    system.wait_for_status(id_, "DELIVERED")


def test_environment_is_deployed_upgraded_taken_back_and_removed_as_printed(workspace: Workspace) -> None:
    workspace.release("v1.0.0")
    _, lacking, *_, tried = run(workspace, "First deployment")
    assert "SES has production access." in lacking
    assert "smoke test passed" in tried
    assert status(workspace, ROOT) == "CREATE_COMPLETE"
    deliver(workspace, ROOT)

    workspace.set("dev", LogLevel="ERROR")
    workspace.release("v1.1.0")
    planned, _ = run(workspace, "Upgrading")
    assert "DEBUG → ERROR" in planned
    assert status(workspace, ROOT) == "UPDATE_COMPLETE"

    _, deployed = run(workspace, "Going back")
    assert "ERROR → DEBUG" in deployed
    deliver(workspace, ROOT)

    run(workspace, "A second region")
    assert status(workspace, ROOT, SECOND_REGION) == "CREATE_COMPLETE"

    destroy, delete_data = markdown.code(PAGE, "Removing an environment")
    assert f"{ROOT}-ledger" in workspace.run(destroy, YES)
    assert status(workspace, ROOT, SECOND_REGION) is None
    assert client(workspace, SECOND_REGION).dynamodb.list_tables()["TableNames"] == [f"{ROOT}-ledger"]
    workspace.run(delete_data, typed=f"{ROOT}\n")
    assert client(workspace, SECOND_REGION).dynamodb.list_tables()["TableNames"] == []
    assert status(workspace, ROOT) == "UPDATE_COMPLETE"


def test_stacks_are_deployed_alone_and_handed_over_to_root_as_printed(workspace: Workspace) -> None:
    names = [f"{ROOT}-{name}" for name in templates.children()]
    *_, lacking, tried = run(workspace, "Single stacks")
    assert "There is no alert topic yet." not in lacking
    assert "smoke test passed" in tried
    assert {status(workspace, name) for name in names} <= {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    deliver(workspace, *names)

    workspace.run(script("From single stacks to root"), YES)
    assert status(workspace, ROOT) == "UPDATE_COMPLETE"
    deliver(workspace, ROOT)


def test_what_a_removed_environment_has_left_is_brought_back_as_printed(workspace: Workspace) -> None:
    workspace.notify("deploy", "--env", "dev", "--yes")
    deliver(workspace, ROOT)
    workspace.notify("destroy", "--env", "dev", "--yes")
    left = holding_data(workspace)

    workspace.run(script("Bringing data back"), YES)
    assert holding_data(workspace) == left
    deliver(workspace, *(f"{ROOT}-{name}" for name in templates.children()))

    workspace.run(script("From single stacks to root"), YES)
    assert holding_data(workspace) == left
    deliver(workspace, ROOT)
    planned = workspace.notify("deploy", "--env", "dev", "--plan")
    assert "nothing changes" in planned.stdout


def test_page_has_no_other_commands() -> None:
    tried = {
        "First deployment",
        "Upgrading",
        "Going back",
        "Single stacks",
        "From single stacks to root",
        "A second region",
        "Removing an environment",
        "Bringing data back",
        "With rain",
    }
    with_commands = {name for name in markdown.headings(PAGE, "Deployment") if markdown.code(PAGE, name)}
    assert with_commands == tried


def holding_data(workspace: Workspace) -> dict[str, object]:
    """What holds data, by its ids, and the secret that finds records."""
    aws = client(workspace)
    secret = aws.client("secretsmanager").get_secret_value(SecretId=f"{ROOT}-recipient-hash")
    groups = aws.client("logs").describe_log_groups()["logGroups"]
    return {
        "secret": (secret["ARN"], secret["SecretString"]),
        "keys": [key["KeyId"] for key in aws.client("kms").list_keys()["Keys"]],
        "tables": [aws.dynamodb.describe_table(TableName=f"{ROOT}-ledger")["Table"]["TableArn"]],
        "queues": sorted(aws.sqs.list_queues()["QueueUrls"]),
        "logs": sorted(group["logGroupName"] for group in groups),
    }
