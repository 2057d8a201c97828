"""Root owns an environment: what it changes, refuses and protects, and what stays when it goes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ci.emulator.process import Emulator
from ops import aws
from ops.deploying.plans import STATEFUL_TYPES
from ops.deploying.stacks import find_stack, outputs_of, with_nested
from tests.support import workspace as workspaces
from tests.support.system import System, order, order_id
from tests.support.workspace import Workspace

ENV = "dev"
ROOT = f"email-notifications-{ENV}"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """Dev, deployed from nothing with one command."""
    folder = tmp_path_factory.mktemp("ownership")
    with Emulator.start(folder / "emulator.log") as emulator:
        made = workspaces.make(folder / "tree", emulator)
        emulator.control.set_ses(max_send_rate=200)
        made.notify("deploy", "--env", ENV, "--yes")
        yield made


@pytest.fixture
def system(workspace: Workspace) -> System:
    return system_of(workspace)


def system_of(workspace: Workspace) -> System:
    stack = find_stack(aws.local(workspace.emulator.endpoint_url).cloudformation, ROOT)
    assert stack is not None
    return System(workspace.emulator, outputs_of(stack))


def status_of_root(system: System) -> str:
    stack = find_stack(system.aws.cloudformation, ROOT)
    assert stack is not None
    return stack["StackStatus"]


def plan(workspace: Workspace) -> dict[str, Any]:
    answer = json.loads(workspace.notify("deploy", "--env", ENV, "--plan", "--json").stdout)
    assert answer["outcome"] is None
    planned: dict[str, Any] = answer["plan"]
    return planned


def deliver(system: System) -> str:
    id_ = order_id()
    system.publish(order(id_))
    system.wait_for_status(id_, "DELIVERED")
    assert len(system.accepted(id_)) == 1
    return id_


def test_account_region_and_environment_are_said_first(workspace: Workspace) -> None:
    said = workspace.notify("deploy", "--env", ENV, "--plan").stderr.splitlines()

    assert said[0] == "→ account 000000000000 (EMULATOR), region us-east-1, environment dev"


def test_one_changed_template_changes_that_stack_alone(workspace: Workspace, system: System) -> None:
    workspace.edit("stacks/messaging.yaml", "RetentionPeriod: 1209600", "RetentionPeriod: 1209540")

    planned = plan(workspace)
    workspace.notify("deploy", "--env", ENV, "--yes")

    changed = {change["resource"]: change for change in planned["changes"] if change["details"]}
    functions = [change for change in changed.values() if change["type"] == "AWS::Lambda::Function"]
    elsewhere = [change for change in changed.values() if change["stack"] != "MessagingStack"]
    assert changed["SendDeadLetterQueue"]["stack"] == "MessagingStack"
    assert all(change["details"] == ["Code"] for change in functions), "the same code, of another release"
    assert {change["stack"] for change in elsewhere} == {change["stack"] for change in functions}
    assert list(planned["parameters"]) == ["ArtifactPrefix"]
    assert plan(workspace)["changes"] == []
    deliver(system)


def test_stack_of_root_is_not_deployed_alone(workspace: Workspace) -> None:
    refused = workspace.notify("deploy", "--env", ENV, "--stack", "data", "--yes", exit_code=3)

    assert f"{ROOT} owns the data stack" in refused.stderr
    assert f"`notify deploy --env {ENV}`" in refused.stderr


def test_failing_update_names_the_resource_in_its_nested_stack_and_mail_still_flows(
    workspace: Workspace, system: System
) -> None:
    good, bad = "${ArtifactPrefix}functions.zip", "${ArtifactPrefix}missing.zip"
    workspace.edit("stacks/sending.yaml", good, bad)
    failed = workspace.notify("deploy", "--env", ENV, "--yes", exit_code=3)
    workspace.edit("stacks/sending.yaml", bad, good)

    assert f"Stack {ROOT} is UPDATE_ROLLBACK_COMPLETE" in failed.stderr
    assert re.search(r"SendingStack/\w+Function \(AWS::Lambda::Function\): \w", failed.stderr)
    assert status_of_root(system) == "UPDATE_ROLLBACK_COMPLETE"
    deliver(system)


def test_deployment_protects_root_from_deletion_and_data_from_updates(system: System) -> None:
    client = system.aws.cloudformation
    [root] = client.describe_stacks(StackName=ROOT)["Stacks"]

    assert root["EnableTerminationProtection"]
    for stack in with_nested(client, ROOT):
        statements = json.loads(client.get_stack_policy(StackName=stack)["StackPolicyBody"])["Statement"]
        [denied] = [statement for statement in statements if statement["Effect"] == "Deny"]
        assert denied["Action"] == ["Update:Replace", "Update:Delete"]
        assert denied["Condition"]["StringEquals"]["ResourceType"] == list(STATEFUL_TYPES)


@pytest.mark.parametrize("typed", ["", "y\n", "email-notifications\n"])
def test_ledger_is_not_replaced_unless_the_stacks_name_is_typed(
    workspace: Workspace, system: System, typed: str
) -> None:
    name = "${ServiceName}-${Environment}-ledger"
    workspace.edit("stacks/data.yaml", name, f"{name}-2")
    try:
        asked = workspace.notify("deploy", "--env", ENV, "--yes", typed=typed, exit_code=1)
    finally:
        workspace.edit("stacks/data.yaml", f"{name}-2", name)

    assert "LedgerTable (replace)" in asked.stderr
    assert system.aws.dynamodb.list_tables()["TableNames"] == [f"{ROOT}-ledger"]
    change_sets = system.aws.cloudformation.list_change_sets(StackName=ROOT)["Summaries"]
    assert "AVAILABLE" not in [change_set["ExecutionStatus"] for change_set in change_sets]


def test_what_destroying_keeps_stops_a_deployment_until_it_is_deleted(
    workspace: Workspace, system: System
) -> None:
    before = status_of_root(system)
    workspace.notify("destroy", "--env", ENV, "--yes", "--delete-data", typed="y\n", exit_code=1)
    assert status_of_root(system) == before

    destroyed = workspace.notify("destroy", "--env", ENV, "--yes", "--json")

    kept = json.loads(destroyed.stdout)["kept"]
    assert {one["type"] for one in kept} == set(STATEFUL_TYPES)
    assert find_stack(system.aws.cloudformation, ROOT) is None
    for alone in ([], ["--stack", "messaging"]):
        refused = workspace.notify("deploy", "--env", ENV, *alone, "--yes", exit_code=3)
        named = {one["id"] for one in kept if one["id"] in refused.stderr}
        assert named == {one["id"] for one in kept if not alone or one["type"] == "AWS::SQS::Queue"}
        assert " ".join(["notify destroy --env", ENV, *alone, "--delete-data"]) in refused.stderr
    [left] = system.aws.cloudformation.describe_stacks()["Stacks"]
    assert left["StackName"] == "email-notifications-artifacts"

    workspace.notify("destroy", "--env", ENV, "--yes", "--delete-data", typed=f"{ROOT}\n")
    assert system.aws.dynamodb.list_tables()["TableNames"] == []
    workspace.notify("deploy", "--env", ENV, "--yes")
    deliver(system_of(workspace))
    workspace.notify("destroy", "--env", ENV, "--yes", "--delete-data", typed=f"{ROOT}\n")
    assert system.aws.dynamodb.list_tables()["TableNames"] == []
