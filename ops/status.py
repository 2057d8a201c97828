"""Whether a deployment is healthy: alarms, what takes orders and events, SES, the key, the stacks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from notifications.hold import SendingHold
from notifications.times import iso
from ops import settling
from ops.deploying.stacks import SUCCEEDED
from ops.errors import OpsError
from ops.function_settings import send_settings
from ops.targets import Deployed

DESCRIPTION = re.compile(r"(?P<meaning>.+)\. Severity: (?P<severity>\w+)\. Runbook: (?P<runbook>\S+)")
"""As stacks/observability.yaml writes an alarm's."""
ENABLED = ("Enabled", "Enabling", "Updating")
"""States in which an event source mapping takes messages:
https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html"""
ROLLED_BACK = ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")


@dataclass(frozen=True)
class Health:
    """How one thing stands.

    Parameters
    ----------
    runbook
        The page that says what to do, if something is to be done.
    """

    what: str
    is_healthy: bool
    detail: str
    runbook: str = ""


def look(of: Deployed, hold: SendingHold) -> list[Health]:
    """Look at everything. What cannot be seen is not healthy: a key that is disabled hides the ledger."""
    looks: dict[str, Callable[[], Iterator[Health]]] = {
        "alarms": lambda: _alarms(of),
        "sending": lambda: _sending(of, hold),
        "feedback": lambda: _feedback(of),
        "decisions": lambda: _decisions(of),
        "SES": lambda: _ses(of),
        "key": lambda: _key(of),
        "stacks": lambda: _stacks(of),
    }
    return [health for what, see in looks.items() for health in _seen(what, see)]


def _seen(what: str, see: Callable[[], Iterator[Health]]) -> list[Health]:
    try:
        return list(see())
    except (ClientError, BotoCoreError, OpsError) as error:
        return [Health(what, False, f"cannot be seen: {error}", "docs/runbooks/key-problems.md")]


def _alarms(of: Deployed) -> Iterator[Health]:
    pages = (
        of.aws.client("cloudwatch")
        .get_paginator("describe_alarms")
        .paginate(AlarmNamePrefix=f"{of.name}-", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    )
    alarms = [
        alarm
        for page in pages
        for kind in ("MetricAlarms", "CompositeAlarms")
        for alarm in page.get(kind, [])
    ]
    on = [alarm for alarm in alarms if alarm["StateValue"] == "ALARM"]
    for alarm in sorted(on, key=lambda alarm: "Severity: page" not in alarm.get("AlarmDescription", "")):
        told = DESCRIPTION.fullmatch(alarm.get("AlarmDescription", ""))
        name = alarm["AlarmName"].removeprefix(f"{of.name}-")
        yield Health(
            f"alarm {name} ({told['severity']})" if told else f"alarm {name}",
            False,
            told["meaning"] if told else alarm.get("StateReason", ""),
            told["runbook"] if told else "",
        )
    if not on:
        yield Health("alarms", bool(alarms), f"none of {len(alarms)} is on")


def _sending(of: Deployed, hold: SendingHold) -> Iterator[Health]:
    mapping = of.aws.client("lambda").get_event_source_mapping(UUID=of.outputs["SendEmailMappingId"])
    held, state = hold.held(), str(mapping["State"])
    runbook = "docs/runbooks/sending-held.md"
    if held:
        yield Health("sending", False, f"on hold since {held.at}, by {held.by}: {held.reason}", runbook)
    elif state not in ENABLED:
        yield Health("sending", False, f"the mapping is {state}, and nobody has noted why", runbook)
    else:
        yield Health("sending", True, "orders are taken from their queue")


def _feedback(of: Deployed) -> Iterator[Health]:
    name = of.outputs["TrackDeliveryFunctionName"]
    mappings = of.aws.client("lambda").list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    states = [str(mapping["State"]) for mapping in mappings]
    if states and all(state in ENABLED for state in states):
        yield Health("feedback", True, "events are taken from their queue")
    else:
        found = ", ".join(states) or "not there"
        yield Health("feedback", False, f"the mapping is {found}", "docs/runbooks/outcomes-missing.md")


def _decisions(of: Deployed) -> Iterator[Health]:
    waiting = settling.waiting(of, send_settings(of).settling, datetime.now(UTC))
    if waiting.oldest is None:
        yield Health("decisions", True, "no email waits for one")
        return
    yield Health(
        "decisions",
        False,
        f"{waiting.undecided} emails wait for a person to settle whether they were sent, "
        f"{waiting.decided} for their order event to be sent again; the oldest since {iso(waiting.oldest)}",
        "docs/runbooks/emails-undecided.md",
    )


def _ses(of: Deployed) -> Iterator[Health]:
    account: dict[str, Any] = of.aws.client("sesv2").get_account()
    standing, quota = account["EnforcementStatus"], account["SendQuota"]
    sent, most = quota["SentLast24Hours"], quota["Max24HourSend"]
    paused = "" if account["SendingEnabled"] else ", sending is paused"
    spent = most > 0 and sent >= most
    detail = f"{standing}{paused}; {sent:,.0f} of {most:,.0f} emails of 24 hours are spent"
    is_healthy = standing == "HEALTHY" and not paused and not spent
    yield Health("SES", is_healthy, detail, "" if is_healthy else "docs/runbooks/sends-failing.md")


def _key(of: Deployed) -> Iterator[Health]:
    state = of.aws.client("kms").describe_key(KeyId=of.outputs["KeyArn"])["KeyMetadata"]["KeyState"]
    is_healthy = state == "Enabled"
    yield Health("key", is_healthy, state, "" if is_healthy else "docs/runbooks/key-problems.md")


def _stacks(of: Deployed) -> Iterator[Health]:
    pages = of.aws.cloudformation.get_paginator("describe_stacks").paginate()
    own = [
        (stack["StackName"], str(stack["StackStatus"]))
        for page in pages
        for stack in page["Stacks"]
        if stack["StackName"] == of.name or stack["StackName"].startswith(f"{of.name}-")
    ]
    odd = [f"{name} is {status}" for name, status in own if status not in (*SUCCEEDED, *ROLLED_BACK)]
    runbook = "docs/runbooks/rollback-and-ownership.md"
    if odd:
        yield Health("stacks", False, "; ".join(odd), runbook)
    else:
        back = [name for name, status in own if status in ROLLED_BACK]
        detail = f"{len(own)} are complete" + (f", after a rollback of {', '.join(back)}" if back else "")
        yield Health("stacks", True, detail)
