"""The five stacks stand alone: each is deployed, updated and removed by itself while orders flow."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ci.emulator.process import Emulator
from ops import aws
from ops.deploying import templates
from ops.deploying.stacks import find_stack, outputs_of
from tests.support import markdown
from tests.support import workspace as workspaces
from tests.support.system import PROJECT, System, order, order_id, wait_for
from tests.support.workspace import Workspace

ENV = "dev"
PAGE = PROJECT / "docs" / "deployment.md"
PREFIX = f"email-notifications-{ENV}"
ORDER_EVERY_SECONDS = 0.25


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """All stacks of dev, each deployed alone, in the order that their parameters ask for."""
    folder = tmp_path_factory.mktemp("independence")
    with Emulator.start(folder / "emulator.log") as emulator:
        made = workspaces.make(folder / "tree", emulator)
        emulator.control.set_ses(max_send_rate=200)
        for stack in templates.children():
            deploy(made, stack)
        yield made


@pytest.fixture
def system(workspace: Workspace) -> System:
    return system_of(workspace)


def system_of(workspace: Workspace) -> System:
    client = aws.local(workspace.emulator.endpoint_url).cloudformation
    outputs: dict[str, str] = {}
    for name in templates.children():
        stack = find_stack(client, f"{PREFIX}-{name}")
        outputs |= outputs_of(stack) if stack else {}
    return System(workspace.emulator, outputs)


def deploy(workspace: Workspace, stack: str) -> None:
    workspace.notify("deploy", "--env", ENV, "--stack", stack, "--yes")


@contextmanager
def orders_flowing(system: System) -> Iterator[None]:
    """Publish orders all the while; at the end each must have led to exactly one delivered email."""
    ids: list[str] = []
    enough = threading.Event()

    def publish() -> None:
        while not enough.wait(ORDER_EVERY_SECONDS):
            ids.append(order_id())
            system.publish(order(ids[-1]))

    publisher = threading.Thread(target=publish)
    publisher.start()
    try:
        yield
    finally:
        enough.set()
        publisher.join()
    assert ids
    for id_ in ids:
        system.wait_for_status(id_, "DELIVERED")
        assert len(system.accepted(id_)) == 1
    assert system.dead_letters() == {}


@pytest.mark.parametrize(
    ("stack", "old", "new"),
    [
        ("security", "the send_email function may do", "send_email may do"),
        ("data", "RecoveryPeriodInDays: 35", "RecoveryPeriodInDays: 34"),
        ("messaging", "MessageRetentionPeriod: 1209600", "MessageRetentionPeriod: 1209540"),
        ("sending", "Timeout: !Ref FunctionTimeoutSeconds", "Timeout: 5"),
        ("observability", "Threshold: 0\n", "Threshold: 0.5\n"),
    ],
)
def test_stack_is_updated_alone_while_orders_flow(
    workspace: Workspace, system: System, stack: str, old: str, new: str
) -> None:
    before = {name: stack_of(system, name)["StackStatus"] for name in templates.children()}
    workspace.edit(f"stacks/{stack}.yaml", old, new)

    with orders_flowing(system):
        deploy(workspace, stack)

    after = {name: stack_of(system, name)["StackStatus"] for name in templates.children()}
    assert after == before | {stack: "UPDATE_COMPLETE"}


def test_observability_is_removed_and_put_back_while_orders_flow(
    workspace: Workspace, system: System
) -> None:
    with orders_flowing(system):
        destroyed = workspace.notify("destroy", "--env", ENV, "--stack", "observability", "--yes")
        assert "kept" not in destroyed.stdout
        assert find_stack(system.aws.cloudformation, f"{PREFIX}-observability") is None

        deploy(workspace, "observability")

    assert stack_of(system, "observability")["StackStatus"] == "CREATE_COMPLETE"


def test_orders_wait_while_sending_is_gone_and_its_logs_are_brought_back_as_printed(
    workspace: Workspace, system: System
) -> None:
    workspace.notify("destroy", "--env", ENV, "--stack", "observability", "--yes")
    destroyed = workspace.notify("destroy", "--env", ENV, "--stack", "sending", "--yes")
    assert f"/aws/lambda/{PREFIX}-check-ledger" in destroyed.stdout
    with orders_flowing(system):
        wait_for("orders to wait", lambda: system.waiting() > 0)
        refused = workspace.notify("deploy", "--env", ENV, "--stack", "sending", "--yes", exit_code=3)
        assert f"/aws/lambda/{PREFIX}-check-ledger" in refused.stderr
        *bring_back, _ = markdown.code(PAGE, "Bringing data back")
        workspace.run("\n".join([*bring_back, "bring_back sending"]))
        assert stack_of(system, "sending")["StackStatus"] == "IMPORT_COMPLETE"
        deploy(workspace, "sending")
    deploy(workspace, "observability")

    assert stack_of(system, "sending")["StackStatus"] == "UPDATE_COMPLETE"


def test_failing_update_is_rolled_back_and_mail_still_flows(workspace: Workspace, system: System) -> None:
    good, bad = "${ArtifactPrefix}functions.zip", "${ArtifactPrefix}missing.zip"
    workspace.edit("stacks/sending.yaml", good, bad)
    with orders_flowing(system):
        failed = workspace.notify("deploy", "--env", ENV, "--stack", "sending", "--yes", exit_code=3)
    workspace.edit("stacks/sending.yaml", bad, good)

    assert f"{PREFIX}-sending is UPDATE_ROLLBACK_COMPLETE" in failed.stderr
    assert re.search(r"\w+Function \(AWS::Lambda::Function\): \w", failed.stderr)
    assert stack_of(system, "sending")["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE"
    deploy(workspace, "sending")


def test_deployment_from_root_is_refused_while_stacks_stand_alone(workspace: Workspace) -> None:
    refused = workspace.notify("deploy", "--env", ENV, "--yes", exit_code=3)

    assert f"{PREFIX}-security" in refused.stderr
    assert "From single stacks to root" in refused.stderr


def test_stack_that_another_one_needs_is_not_destroyed(workspace: Workspace) -> None:
    refused = workspace.notify("destroy", "--env", ENV, "--stack", "messaging", "--yes", exit_code=3)

    assert "sending still needs messaging" in refused.stderr


def stack_of(system: System, name: str) -> dict[str, str]:
    found = find_stack(system.aws.cloudformation, f"{PREFIX}-{name}")
    assert found is not None
    return found  # type: ignore[return-value]
