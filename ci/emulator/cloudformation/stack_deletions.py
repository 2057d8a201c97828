"""Deletions that can be watched: MiniStack may be done before the client's next request.

On AWS a stack is there by its name while it is being deleted; rain waits for the end by looking at that name.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteStack.html
"""

import asyncio
from typing import Any

from ci.emulator.ministack import cloudformation, handlers

SHORTEST_SECONDS = 1.0


def install() -> None:
    """Let a stack be ``DELETE_IN_PROGRESS`` for a while before its resources go."""
    original = handlers._delete_stack_async

    async def delete(stack_name: str, *arguments: Any, **options: Any) -> None:
        cloudformation._stacks[stack_name]["StackStatus"] = "DELETE_IN_PROGRESS"
        await asyncio.sleep(SHORTEST_SECONDS)
        await original(stack_name, *arguments, **options)

    handlers._delete_stack_async = delete
