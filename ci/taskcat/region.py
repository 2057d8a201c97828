"""One region's stacks, as their operators see them: outputs, topic, queues, ledger and SES's accept log."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, TypeVar

from ci.taskcat.deployment import Stack
from ci.taskcat.orders import Orders, make_orders
from ci.taskcat.target import Target
from ops.deploying.stacks import outputs_of, with_nested
from ops.orders import Order, publish, record, refusals
from ops.waiting import wait_for

SYSTEM_ITEM = "~"
"""What the keys of the ledger's own items begin with; they belong to no order."""

T = TypeVar("T")


class CheckFailedError(Exception):
    """Something is not as it must be; the message says what."""


@dataclass(eq=False)
class Region:
    """What one test has deployed in a region, and the orders that are meant for it.

    Parameters
    ----------
    stack_ids
        The test's own stack, then those that are nested in it.
    outputs
        Those of the test's own stack.
    wait_until
        When what the orders lead to counts as missing (`time.monotonic`).
    """

    target: Target
    name: str
    stack_ids: list[str]
    outputs: dict[str, str]
    wait_until: float = 0.0

    @cached_property
    def orders(self) -> Orders:
        """The orders that are meant for it."""
        return make_orders(self.name)

    @cache  # noqa: B019 - lives as long as the run
    def client(self, service: str) -> Any:
        """Return the region's client of a service."""
        return self.target.client(service, self.name)

    @cached_property
    def all_outputs(self) -> list[tuple[str, str]]:
        """Outputs of the test's stack and of all that are nested in it."""
        stacks = [self._stack(stack_id) for stack_id in self.stack_ids]
        return [output for stack in stacks for output in outputs_of(stack).items()]

    def parameter(self, name: str) -> str:
        """Return the value of a parameter of the test's own stack."""
        parameters = self._stack(self.stack_ids[0])["Parameters"]
        return str(next(p["ParameterValue"] for p in parameters if p["ParameterKey"] == name))

    def _stack(self, stack_id: str) -> Any:
        return self.client("cloudformation").describe_stacks(StackName=stack_id)["Stacks"][0]

    def publish_orders(self) -> int:
        """Publish this region's orders, as an order system does; returns the number of events."""
        self.wait_until = time.monotonic() + self.target.patience_seconds
        return publish(self.client("sns"), self.outputs["OrderEventsTopicArn"], self.orders.all)

    def record(self, order: Order) -> dict[str, Any] | None:
        """Return the record of an order's email, if there is one."""
        return record(self.client("dynamodb"), self.outputs, order)

    def order_keys(self) -> set[str]:
        """Return the keys of all orders that the ledger knows."""
        table, scan = self.outputs["LedgerTableName"], self.client("dynamodb").get_paginator("scan")
        pages = scan.paginate(TableName=table, ConsistentRead=True)
        keys = {item["order_key"]["S"] for page in pages for item in page["Items"]}
        return {key for key in keys if not key.startswith(SYSTEM_ITEM)}

    def mails(self) -> list[dict[str, Any]] | None:
        """Return what SES has accepted in this region; None on AWS, which keeps no list."""
        if self.target.control is None:
            return None
        return [mail for mail in self.target.control.accepted() if mail["region"] == self.name]

    def refusal(self, order: Order) -> dict[str, str] | None:
        """Return the attributes of an order's dead letter, if there is one; it stays there."""
        return refusals(self.client("sqs"), self.outputs, [order.body]).get(order.body)

    def depth(self, queue: str) -> int:
        """Return the number of messages in a queue, received or not."""
        wanted = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        answer = self.client("sqs").get_queue_attributes(QueueUrl=self.outputs[queue], AttributeNames=wanted)
        return sum(int(answer["Attributes"][name]) for name in wanted)

    def is_empty(self, queue: str) -> bool:
        """Whether no message is in a queue."""
        return self.depth(queue) == 0

    def wait_for(self, what: str, look: Callable[[], T | None]) -> T:
        """Look until something is seen, and return it.

        Raises
        ------
        CheckFailedError
            Nothing has been seen for as long as the target is waited for since the orders were published.
        """
        left = self.wait_until - time.monotonic()
        seen = wait_for(look, timeout_seconds=left, poll_seconds=self.target.poll_seconds)
        if not seen:
            raise CheckFailedError(f"Waited {self.target.patience_seconds:.0f} s in vain for {what}.")
        return seen


def standing(target: Target, stack: Stack) -> Region:
    """Look at what stands. Stacks that are nested are found now: once deleted, nothing tells of them."""
    stack_ids = with_nested(target.client("cloudformation", stack.region), stack.id)
    return Region(target, stack.region, stack_ids, stack.outputs)
