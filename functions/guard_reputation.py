"""Lambda entry point: hold sending when bounces or complaints put the account at risk. It never resumes."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

from notifications import telemetry
from notifications.audit import Decision
from notifications.clients import Clients
from notifications.hold import SendingHold
from notifications.settings import GuardSettings

BY = "reputation guard"
REASON = "bounces or complaints passed the hold line"


class Application:
    """The function with all that it needs, made once per process."""

    def __init__(self, settings: GuardSettings) -> None:
        clients = Clients(settings.function_timeout_seconds)
        self._settings = settings
        self._sns = clients.sns()
        self._hold = SendingHold(
            clients.dynamodb(),
            clients.functions(),
            settings.ledger_table_name,
            settings.send_email_mapping_id,
        )

    def handle(self, event: dict[str, Any], now: datetime) -> bool:
        """Hold sending if one of the notices is of the guard's alarm; whether it did."""
        if not any(self._is_over_the_line(record["Sns"]["Message"]) for record in event["Records"]):
            return False
        is_new = self._hold.hold(Decision(BY, now, REASON))
        telemetry.logger.warning("hold", by=BY, reason=REASON, is_new=is_new)
        self._tell()
        return True

    def _is_over_the_line(self, message: str) -> bool:
        try:
            notice = json.loads(message)
        except ValueError:
            # A budget's notice is plain text.
            return False
        return (
            isinstance(notice, dict)
            and notice.get("AlarmName") == self._settings.alarm_name
            and notice.get("NewStateValue") == "ALARM"
        )

    def _tell(self) -> None:
        service = os.environ["POWERTOOLS_SERVICE_NAME"]
        self._sns.publish(
            TopicArn=self._settings.alerts_topic_arn,
            Subject=f"{service}: sending is on hold",
            Message=json.dumps(
                {
                    "Service": service,
                    "Event": "SendingHeld",
                    "Reason": f"{REASON}: alarm {self._settings.alarm_name}",
                    "Next": "Orders wait. Find the cause, then: notify resume --reason ...",
                    "Runbook": "docs/runbooks/sending-held.md",
                }
            ),
        )


application = Application(GuardSettings.from_environment(os.environ))
"""Made when Lambda loads the module: that phase has a whole processor, an invocation its memory's share."""


def handler(event: dict[str, Any], context: Any) -> dict[str, bool]:
    """Called by the alerts topic with each notice."""
    return {"held": application.handle(event, datetime.now(UTC))}
