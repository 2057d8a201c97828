"""Hold sending when bounces or complaints put the account at risk. It never resumes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from notifications import telemetry
from notifications.audit import Decision
from notifications.clients import Clients
from notifications.hold import SendingHold
from notifications.settings import GuardSettings

BY = "reputation guard"
REASON = "bounces or complaints passed the hold line"


class Application:
    """Everything that the function needs, made once per process."""

    def __init__(self, settings: GuardSettings, clients: Clients) -> None:
        self._hold = SendingHold(
            clients.dynamodb(),
            clients.functions(),
            settings.ledger_table_name,
            settings.send_email_mapping_id,
        )

    def handle(self, event: dict[str, Any], now: datetime) -> bool:
        """Hold sending if the alarm has been raised; whether it has. The alarm itself notifies people.

        Parameters
        ----------
        event
            What CloudWatch sends to a function that is an alarm's action:
            https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
        """
        if event["alarmData"]["state"]["value"] != "ALARM":
            return False
        is_new = self._hold.hold(Decision(BY, now, REASON))
        telemetry.logger.warning("hold", by=BY, reason=REASON, is_new=is_new)
        return True
