"""Deletions that can be watched: MiniStack may be done before the client's next request.

On AWS a stack is there by its name while it is being deleted; rain looks at that name once, then at the id.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
"""

import asyncio
import re
from contextlib import suppress
from typing import Any

from ci.emulator.ministack import cloudformation, handlers

LONGEST_SECONDS = 10.0
_STACK_ID = re.compile(r"<StackId>([^<]*)</StackId>")


def install() -> None:
    """Let a stack be ``DELETE_IN_PROGRESS`` until somebody has seen it so, before its resources go."""
    original_delete = handlers._delete_stack_async
    original_describe = handlers._ACTION_HANDLERS["DescribeStacks"]
    unseen: dict[str, asyncio.Event] = {}

    async def delete(stack_name: str, stack_id: str, *arguments: Any, **options: Any) -> None:
        cloudformation._stacks[stack_name]["StackStatus"] = "DELETE_IN_PROGRESS"
        seen = unseen.setdefault(stack_id, asyncio.Event())
        with suppress(TimeoutError):
            await asyncio.wait_for(seen.wait(), LONGEST_SECONDS)
        unseen.pop(stack_id, None)
        await original_delete(stack_name, stack_id, *arguments, **options)

    def describe(parameters: dict[str, Any]) -> tuple[int, dict[str, str], bytes]:
        answer: tuple[int, dict[str, str], bytes] = original_describe(parameters)
        for stack_id in unseen.keys() & _STACK_ID.findall(answer[2].decode()):
            unseen[stack_id].set()
        return answer

    handlers._delete_stack_async = delete
    handlers._ACTION_HANDLERS["DescribeStacks"] = describe
