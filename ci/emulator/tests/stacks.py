"""CloudFormation stacks for the emulator's own tests."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import WaiterError

# The shortest time between two looks at a stack.
WAITER = {"Delay": 0.1, "MaxAttempts": 300}


class Stack:
    """A stack of one test; its templates lie in a bucket of the stack's name, as taskcat has them.

    Parameters
    ----------
    clients
        Returns the client of a service, given its name.
    """

    def __init__(self, clients: Callable[[str], Any]) -> None:
        self.name = f"stack-{uuid.uuid4().hex[:8]}"
        self._cloudformation, self._s3 = clients("cloudformation"), clients("s3")
        self._s3.create_bucket(Bucket=self.name)

    def url(self, template: str) -> str:
        """Upload the template; returns its URL in virtual-hosted form."""
        key = f"{uuid.uuid4().hex}.yaml"
        self._s3.put_object(Bucket=self.name, Key=key, Body=template)
        return f"https://{self.name}.s3.us-east-1.amazonaws.com/{key}"

    def create(self, template: str, **parameters: str) -> dict[str, str]:
        """Deploy and return the outputs."""
        self._cloudformation.create_stack(
            StackName=self.name, TemplateURL=self.url(template), Parameters=_parameters(parameters)
        )
        return self._wait("stack_create_complete")

    def update(self, template: str, **parameters: str) -> dict[str, str]:
        """Update and return the outputs."""
        self._cloudformation.update_stack(
            StackName=self.name, TemplateURL=self.url(template), Parameters=_parameters(parameters)
        )
        return self._wait("stack_update_complete")

    def create_that_fails(self, template: str) -> str:
        """Create and return why it was rolled back."""
        with pytest.raises(WaiterError):
            self.create(template)
        return self._failure()

    def update_that_fails(self, template: str) -> str:
        """Update and return why it was rolled back."""
        with pytest.raises(WaiterError):
            self.update(template)
        return self._failure()

    def _failure(self) -> str:
        """Return the reason of the latest resource that failed."""
        events = self._cloudformation.describe_stack_events(StackName=self.name)["StackEvents"]
        return next(e["ResourceStatusReason"] for e in events if e["ResourceStatus"].endswith("_FAILED"))

    def delete(self) -> None:
        self._cloudformation.delete_stack(StackName=self.name)
        self._cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=self.name, WaiterConfig=WAITER
        )

    def _wait(self, state: str) -> dict[str, str]:
        self._cloudformation.get_waiter(state).wait(StackName=self.name, WaiterConfig=WAITER)
        [stack] = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _parameters(values: dict[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
