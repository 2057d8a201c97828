"""Root is updated and deleted: what serves orders goes on, what holds records stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.deploying.stacks import Executed
from tests.support.system import FAST, STACK_NAME, System, deployed, order, order_id


@pytest.fixture
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system for one test, which deletes it."""
    with deployed(tmp_path_factory.mktemp("system") / "emulator.log", FAST) as system:
        yield system


def variables(system: System) -> dict[str, str]:
    """Environment of the send function."""
    found: dict[str, str] = system.client("lambda").get_function_configuration(
        FunctionName=system.outputs["SendEmailFunctionName"]
    )["Environment"]["Variables"]
    return found


def send(system: System) -> None:
    id_ = order_id()
    system.publish(order(id_))
    system.wait_for_status(id_, "DELIVERED")


def test_system_goes_on_through_an_update_and_its_records_outlive_its_deletion(system: System) -> None:
    secret = system.client("secretsmanager").get_secret_value(
        SecretId=system.outputs["RecipientHashSecretArn"]
    )
    assert variables(system)["RECIPIENT_HASH_KEY"] == secret["SecretString"]
    send(system)

    updated = system.update(LogLevel="DEBUG")

    assert updated == Executed("updated", system.outputs)
    assert variables(system)["POWERTOOLS_LOG_LEVEL"] == "DEBUG"
    assert variables(system)["RECIPIENT_HASH_KEY"] == secret["SecretString"]
    send(system)

    system.aws.cloudformation.delete_stack(StackName=STACK_NAME)
    system.aws.cloudformation.get_waiter("stack_delete_complete").wait(
        StackName=STACK_NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )

    assert not system.client("lambda").list_functions()["Functions"]
    assert system.aws.dynamodb.list_tables()["TableNames"] == [system.outputs["LedgerTableName"]]
    kept = {url.rsplit("/", 1)[1] for url in system.aws.sqs.list_queues()["QueueUrls"]}
    declared = {url for name, url in system.outputs.items() if name.endswith("QueueUrl")}
    assert kept == {url.rsplit("/", 1)[1] for url in declared}
