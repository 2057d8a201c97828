"""A stack is there by its name until a client has seen it going."""

import asyncio
from types import SimpleNamespace

import pytest

from ci.emulator.cloudformation import stack_deletions


class CloudFormation:
    """Stacks that go at once; the id of each is its name."""

    def __init__(self, *names: str) -> None:
        self._stacks = {name: {"StackName": name, "StackStatus": "CREATE_COMPLETE"} for name in names}
        self._ACTION_HANDLERS = {"DescribeStacks": self._describe}

    async def _delete_stack_async(self, stack_name, *_, **__):
        del self._stacks[stack_name]

    def _describe(self, parameters):
        names = [name for name in self._stacks if parameters.get("StackName", name) == name]
        return 200, {}, "".join(f"<StackId>{name}</StackId>" for name in names).encode()

    def status(self, name):
        return self._stacks[name]["StackStatus"] if name in self._stacks else None


@pytest.fixture
def cloudformation(monkeypatch):
    played = CloudFormation("looked-at", "other")
    monkeypatch.setattr(stack_deletions, "handlers", played)
    monkeypatch.setattr(stack_deletions, "cloudformation", SimpleNamespace(_stacks=played._stacks))
    stack_deletions.install()
    return played


async def turns():
    """Let everything run that need not wait."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("looks", [{"StackName": "looked-at"}, {}], ids=["by-name", "at-all"])
def test_stack_goes_once_it_was_seen_going_however_late_that_is(cloudformation, looks):
    async def run():
        deletion = asyncio.create_task(cloudformation._delete_stack_async("looked-at", "looked-at"))
        await turns()
        cloudformation._ACTION_HANDLERS["DescribeStacks"]({"StackName": "other"})
        await turns()
        assert cloudformation.status("looked-at") == "DELETE_IN_PROGRESS"

        assert b"looked-at" in cloudformation._ACTION_HANDLERS["DescribeStacks"](looks)[2]
        await deletion
        assert cloudformation.status("looked-at") is None

    asyncio.run(run())


def test_stack_goes_in_the_end_though_nobody_looks(cloudformation, monkeypatch):
    monkeypatch.setattr(stack_deletions, "LONGEST_SECONDS", 0.0)

    asyncio.run(cloudformation._delete_stack_async("looked-at", "looked-at"))

    assert cloudformation.status("looked-at") is None
