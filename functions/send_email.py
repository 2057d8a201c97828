"""Lambda entry point: order events from the send queue; each becomes one email."""

from __future__ import annotations

import os
from typing import Any

from notifications.applications.send_email import Application
from notifications.clients import Clients
from notifications.settings import SendSettings

settings = SendSettings.from_environment(os.environ)
application = Application(settings, Clients(settings.function_timeout_seconds))
"""Made when Lambda loads the module: that phase has a whole processor, an invocation its memory's share."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Called by Lambda with one batch of the send queue."""
    return application.handle(event, context.get_remaining_time_in_millis())
