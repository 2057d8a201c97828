"""Which stack a nested stack is nested in: MiniStack knows it, and does not tell.

AWS tells the id of a nested stack in an event of its parent as soon as it begins with it, MiniStack only when
it is done.

Sources
-------
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
"""

import re
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from ci.emulator.ministack import cloudformation, handlers, stacks

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_ACTIONS = ("DescribeStacks", "ListStacks")
_TYPE = "AWS::CloudFormation::Stack"
_STACK_ID = re.compile(r"<StackId>(?P<id>[^<]*)</StackId>")


def install() -> None:
    """Tell a nested stack's `ParentId` and `RootId`, and its parent's events the id at the beginning."""
    original_add_event = stacks._add_event

    def add_event(
        stack_id: str,
        stack_name: str,
        logical_id: str,
        resource_type: str,
        status: str,
        *more: Any,
        **named: Any,
    ) -> None:
        original_add_event(stack_id, stack_name, logical_id, resource_type, status, *more, **named)
        parent = cloudformation._stacks.get(
            cloudformation._stacks.get(stack_name, {}).get("_parent_stack_name")
        )
        if parent and logical_id == stack_name and status in ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS"):
            original_add_event(
                parent["StackId"],
                parent["StackName"],
                _logical_id(parent, stack_name),
                _TYPE,
                status,
                physical_id=stack_id,
            )

    stacks._add_event = add_event
    for action in _ACTIONS:
        handlers._ACTION_HANDLERS[action] = _with_parents(handlers._ACTION_HANDLERS[action])


def _logical_id(parent: dict[str, Any], nested_name: str) -> str:
    """What its parent calls a stack named <parent>-<logical id>-<random>; such an id has no hyphen."""
    return nested_name.removeprefix(f"{parent['StackName']}-").partition("-")[0]


def _with_parents(original: Callable[[Parameters], Answer]) -> Callable[[Parameters], Answer]:
    def answer(parameters: Parameters) -> Answer:
        status, headers, body = original(parameters)
        return status, headers, _STACK_ID.sub(_relations, body.decode()).encode()

    return answer


def _relations(stack_id: re.Match[str]) -> str:
    parents = _ancestors(stack_id["id"])
    if not parents:
        return stack_id[0]
    return f"{stack_id[0]}<ParentId>{escape(parents[0])}</ParentId><RootId>{escape(parents[-1])}</RootId>"


def _ancestors(stack_id: str) -> list[str]:
    """Ids of the stacks above this one, root last."""
    above = next(
        (s.get("ParentId") for s in cloudformation._stacks.values() if s["StackId"] == stack_id), None
    )
    return [above, *_ancestors(above)] if above else []
