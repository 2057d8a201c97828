"""Status reasons: where there is none, MiniStack gives an empty one, which clients take for a message.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_StackEvent.html
"""

import re
from collections.abc import Callable
from typing import Any

from ci.emulator.ministack import handlers

Parameters = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]

_ACTIONS = ("DescribeChangeSet", "DescribeStackEvents", "DescribeStacks", "ListChangeSets")
_EMPTY = re.compile(rb"<(\w*StatusReason)></\1>")


def install() -> None:
    """Leave empty reasons out."""
    for action in _ACTIONS:
        handlers._ACTION_HANDLERS[action] = _without_empty(handlers._ACTION_HANDLERS[action])


def _without_empty(original: Callable[[Parameters], Answer]) -> Callable[[Parameters], Answer]:
    def answer(parameters: Parameters) -> Answer:
        status, headers, body = original(parameters)
        return status, headers, _EMPTY.sub(b"", body)

    return answer
