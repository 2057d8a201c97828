"""When a composite alarm with an ActionsSuppressor takes its actions.

Source: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-suppression.html
"""

from dataclasses import dataclass

from ci.emulator.cloudwatch.alarm_notifications import Transition


@dataclass
class PendingActions:
    """The actions of a composite alarm's latest change of state, until they are due.

    They wait for the suppressor to go into ALARM (``wait_seconds`` from the change), then while it is there,
    then for the composite alarm to change again (``extension_seconds`` from the suppressor's recovery).
    """

    transition: Transition
    wait_seconds: int
    extension_seconds: int
    suppressed_by: str = "WaitPeriod"
    _recovered_at: float | None = None

    def are_due(self, is_suppressor_in_alarm: bool, at: float) -> bool:
        """Tell whether the actions are to be taken at this moment (epoch seconds)."""
        if is_suppressor_in_alarm:
            self.suppressed_by, self._recovered_at = "Alarm", None
            return False
        if self.suppressed_by == "WaitPeriod":
            return at >= self.transition.at + self.wait_seconds
        self.suppressed_by = "ExtensionPeriod"
        if self._recovered_at is None:
            self._recovered_at = at
        return at >= self._recovered_at + self.extension_seconds
