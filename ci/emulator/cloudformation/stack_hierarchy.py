"""Which stack a nested stack is nested in: MiniStack knows it, and does not tell.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_Stack.html
"""

import re
from collections.abc import Callable
from typing import Any
from xml.sax.saxutils import escape

from ministack.services import cloudformation
from ministack.services.cloudformation import handlers

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_ACTIONS = ("DescribeStacks", "ListStacks")
_STACK_ID = re.compile(r"<StackId>(?P<id>[^<]*)</StackId>")


def install() -> None:
    """Tell a nested stack's `ParentId` and `RootId`."""
    for action in _ACTIONS:
        handlers._ACTION_HANDLERS[action] = _with_parents(handlers._ACTION_HANDLERS[action])


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
