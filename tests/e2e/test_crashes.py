"""Functions that die, hang or fail in the middle of a batch: real processes, really killed."""

from __future__ import annotations

import json

import psutil
import pytest

from tests.support.system import System, order, order_id, wait_for


def send_together(system: System, count: int = 5) -> list[str]:
    """Put orders into the queue so that they are received as one batch."""
    ids = [order_id() for _ in range(count)]
    system.enqueue(*(json.dumps(order(id_)) for id_ in ids))
    return ids


def assert_each_sent_once(system: System, ids: list[str]) -> None:
    """A person, who sees what SES has accepted, settles what no event does."""
    for id_ in ids:
        system.wait_for_status(id_, "DELIVERED")
    system.wait_until_drained()
    assert [len(system.accepted(id_)) for id_ in ids] == [1] * len(ids)


def hits(system: System) -> int:
    return sum(fault["hits"] for fault in system.control.faults())


def workers(system: System, function: str) -> list[psutil.Process]:
    """Processes that run the function."""
    name = f"ministack-lambda-email-notifications-local-{function}-"
    children = psutil.Process(system.control.health()["pid"]).children(recursive=True)
    return [child for child in children if any(name in word for word in child.cmdline())]


def suspend(process: psutil.Process) -> bool:
    try:
        process.suspend()
    except psutil.NoSuchProcess:
        return False
    return True


@pytest.mark.parametrize("phase", ["before", "after"])
def test_batch_is_sent_once_each_when_the_function_is_killed_at_a_send(system: System, phase: str) -> None:
    system.control.set_faults(
        [{"name": "kill", "operation": "ses:SendEmail", "calls": [2], "effect": "kill", "phase": phase}]
    )
    ids = send_together(system)
    wait_for("the kill", lambda: hits(system))
    assert_each_sent_once(system, ids)


def test_batch_is_sent_once_each_when_the_function_times_out(system: System) -> None:
    """The process is stopped amid its calls to SES, so that Lambda ends it when its time is up."""
    system.control.set_faults(
        [{"name": "slow", "operation": "ses:SendEmail", "effect": "delay", "seconds": 1.0, "limit": 5}]
    )
    ids = send_together(system)
    wait_for("the sends to begin", lambda: hits(system))
    stopped = [process for process in workers(system, "send-email") if suspend(process)]
    assert stopped
    wait_for("Lambda to end the busy ones", lambda: not all(process.is_running() for process in stopped))
    for idle in stopped:
        if idle.is_running():
            idle.kill()
    system.control.clear_faults()
    assert_each_sent_once(system, ids)


def test_neighbours_are_sent_once_when_one_record_of_the_batch_fails(system: System) -> None:
    ids = [order_id() for _ in range(5)]
    bodies = [json.dumps(order(id_, to=f"success+{id_}@simulator.amazonses.com")) for id_ in ids]
    system.control.set_faults(
        [
            {
                "name": "refuse one",
                "operation": "ses:SendEmail",
                "match": ids[2],
                "limit": 2,
                "effect": "throttle",
                "phase": "before",
            }
        ]
    )
    system.enqueue(*bodies)
    for id_ in (ids[0], ids[1], ids[3], ids[4]):
        system.wait_for_status(id_, "DELIVERED")
    assert_each_sent_once(system, ids)
    [record] = system.records(ids[2])
    assert record["attempt"] == 3


def test_order_that_sns_cannot_deliver_waits_in_the_undelivered_queue_and_can_be_sent_from_there(
    system: System,
) -> None:
    """SNS discards what a queue's policy refuses, unless the subscription has a dead-letter queue."""
    url, id_ = system.outputs["SendQueueUrl"], order_id()
    policy = system.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    system.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": ""})
    try:
        body = json.dumps(order(id_))
        system.publish(body)
        wait_for(
            "the undelivered order", lambda: body in system.dead_letters("OrderEventsUndeliveredQueueUrl")
        )
    finally:
        system.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=dict(policy))
    system.enqueue(body)
    system.wait_for_status(id_, "DELIVERED")
    assert len(system.accepted(id_)) == 1
