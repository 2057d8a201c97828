"""A deployed environment, its operator's terminal, and what both need for a situation to arise."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ci.emulator.process import Emulator
from ops import aws
from ops.deploying.stacks import find_stack, outputs_of
from tests.runbooks import pages
from tests.runbooks.operator import Reader, Terminal
from tests.runbooks.pages import Page
from tests.support import workspace as workspaces
from tests.support.system import System, order, order_id, wait_for
from tests.support.workspace import Workspace

ENV = "dev"
SERVICE = f"email-notifications-{ENV}"
MINUTE, HOUR = 60, 3600


@dataclass(frozen=True)
class Site:
    """An environment of an emulator of its own."""

    workspace: Workspace
    system: System
    service: str = SERVICE

    @contextmanager
    def follow(self, page: str, **placeholders: str) -> Iterator[Reader]:
        """Follow a runbook; in the end every command of it must have been run."""
        reader = self.reader(page, **placeholders)
        yield reader
        reader.finish()

    def reader(self, page: str, **placeholders: str) -> Reader:
        """Somebody with the page open."""
        values = {"ENV": ENV, "AWS_REGION": "us-east-1", "REASON": "INC-1: tried in a test"} | placeholders
        return Reader(Page(pages.FOLDER / f"{page}.md"), Terminal(self.workspace, values))

    def state(self, alarm: str) -> str:
        """State of an alarm, by its name without the service's."""
        found = self.system.client("cloudwatch").describe_alarms(
            AlarmNames=[f"{self.service}-{alarm}"], AlarmTypes=["MetricAlarm", "CompositeAlarm"]
        )
        [one] = found["MetricAlarms"] + found["CompositeAlarms"]
        return str(one["StateValue"])

    def look_at_alarms(self, seconds_ahead: float = MINUTE) -> None:
        """Have all alarms evaluated, as of then: by default when what has happened until now counts."""
        self.system.emulator.control.evaluate_alarms(time.time() + seconds_ahead)

    def wait_until_alarm(self, alarm: str) -> None:
        """Have all alarms evaluated until this one is raised: metrics take a moment."""

        def raised() -> bool:
            self.look_at_alarms()
            return self.state(alarm) == "ALARM"

        wait_for(f"{alarm} to be raised", raised)

    def watch(self, minutes: int) -> None:
        """Have all alarms evaluated minute by minute, with what the queues hold now."""
        start = time.time()
        for minute in range(1, minutes + 1):
            self.system.emulator.control.evaluate_alarms(start + MINUTE * minute)

    def start_probe(self) -> None:
        """Start what the probe's schedule starts."""
        scheduler, name = self.system.client("scheduler"), f"{SERVICE}-probe"
        declared = scheduler.get_schedule(GroupName=name, Name=name)
        scheduler.create_schedule(
            Name=f"now-{uuid.uuid4().hex[:8]}",
            GroupName=name,
            ScheduleExpression=time.strftime("at(%Y-%m-%dT%H:%M:%S)", time.gmtime()),
            FlexibleTimeWindow=declared["FlexibleTimeWindow"],
            Target=declared["Target"],
        )

    def send(self, count: int = 1, to: str = "success@simulator.amazonses.com") -> list[str]:
        """Publish orders; returns their ids."""
        ids = [order_id() for _ in range(count)]
        for id_ in ids:
            self.system.publish(order(id_, to=to))
        return ids

    def wait_until_counted(self, metric: str, number: float) -> None:
        """Wait until one of the functions' own metrics has reached a number."""

        def counted() -> bool:
            return sum(point["Sum"] for point in self._points(metric, "Sum")) >= number

        wait_for(f"{metric} to be {number}", counted)

    def latency_ms(self) -> float:
        """The longest that an email has taken, of the last hours."""
        points = self._points("AcceptanceLatency", "Maximum")
        return max((point["Maximum"] for point in points), default=0.0)

    def wait_for(self, status: str, ids: list[str]) -> None:
        """Wait until all of these orders' emails have a status."""
        for id_ in ids:
            self.system.wait_for_status(id_, status)

    def deploy(self, exit_code: int = 0) -> str:
        """Deploy the tree as it is; returns what that printed."""
        done = self.workspace.notify("deploy", "--env", ENV, "--yes", exit_code=exit_code)
        return done.stdout + done.stderr

    def assert_sent_once(self, ids: list[str]) -> None:
        """Each got its email, and one only."""
        self.wait_for("DELIVERED", ids)
        assert [len(self.system.accepted(id_)) for id_ in ids] == [1] * len(ids)

    def _points(self, metric: str, statistic: str) -> list[dict[str, Any]]:
        """Of one of the functions' own metrics, minute by minute, of the last hours."""
        now = datetime.now(UTC)
        found = self.system.client("cloudwatch").get_metric_statistics(
            Namespace="EmailNotifications",
            MetricName=metric,
            Dimensions=[{"Name": "service", "Value": SERVICE}],
            StartTime=now - timedelta(hours=3),
            EndTime=now + timedelta(minutes=5),
            Period=60,
            Statistics=[statistic],
        )
        return list(found["Datapoints"])


@contextmanager
def deployed(folder: Path, **parameters: str) -> Iterator[Site]:
    """Deploy the environment from nothing, with what `parameters` changes of its file."""
    with Emulator.start(folder / "emulator.log") as emulator:
        workspace = workspaces.make(folder / "tree", emulator)
        workspace.set(ENV, SesRateSharePercent="100", **parameters)
        emulator.control.set_ses(max_send_rate=200)
        workspace.notify("deploy", "--env", ENV, "--yes")
        stack = find_stack(aws.local(emulator.endpoint_url).cloudformation, SERVICE)
        assert stack is not None
        yield Site(workspace, System(emulator, outputs_of(stack)))
