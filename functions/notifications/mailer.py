"""Hand one email to SES, once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from email.utils import formataddr
from typing import TYPE_CHECKING, Protocol

from notifications.failures import Certainty, Failure, classify

if TYPE_CHECKING:
    from types_boto3_sesv2 import SESV2Client

    from notifications.keys import NotificationKey
    from notifications.rendering import RenderedEmail

IDLE_CONNECTION_SECONDS = 20.0
"""A connection that was idle for longer is not used again. The other end may have closed it, and a reset of
a stale connection can't be told from one after the message was accepted."""


@dataclass(frozen=True)
class Sent:
    """SES has accepted the message under this id."""

    message_id: str


class Mailer(Protocol):
    """What the use case needs of SES."""

    def send(
        self,
        email: RenderedEmail,
        recipient: str,
        key: NotificationKey,
        attempt: int,
        correlation_id: str,
    ) -> Sent | Failure:
        """Send, once. Never raises for what SES or the network does."""
        ...


class SesMailer:
    """SES API v2.

    Parameters
    ----------
    client
        Must not retry: a retry after a lost answer would be a second email.
    from_address
        The verified sender.
    """

    def __init__(self, client: SESV2Client, from_address: str, configuration_set: str) -> None:
        if (retries := getattr(client.meta.config, "retries", None) or {}).get("total_max_attempts") != 1:
            raise ValueError(
                f"the SES client must have retries={{'total_max_attempts': 1}}, it has {retries}"
            )
        self._client = client
        self._from_address = from_address
        self._configuration_set = configuration_set
        self._used_at = time.monotonic()

    def drop_idle_connections(self) -> None:
        """To be called before a batch, while no send is under way."""
        if time.monotonic() - self._used_at > IDLE_CONNECTION_SECONDS:
            self._client.close()
        self._used_at = time.monotonic()

    def send(
        self,
        email: RenderedEmail,
        recipient: str,
        key: NotificationKey,
        attempt: int,
        correlation_id: str,
    ) -> Sent | Failure:
        """Send with tags that lead each of its events back to the notification and the attempt."""
        try:
            answer = self._client.send_email(
                FromEmailAddress=formataddr((email.from_name, self._from_address)),
                ReplyToAddresses=[email.reply_to],
                Destination={"ToAddresses": [recipient]},
                Content={
                    "Simple": {
                        "Subject": {"Data": email.subject, "Charset": "UTF-8"},
                        "Body": {
                            "Html": {"Data": email.html, "Charset": "UTF-8"},
                            "Text": {"Data": email.text, "Charset": "UTF-8"},
                        },
                    }
                },
                ConfigurationSetName=self._configuration_set,
                EmailTags=[
                    {"Name": "order_key", "Value": key.order_key},
                    {"Name": "notification", "Value": key.notification},
                    {"Name": "attempt", "Value": str(attempt)},
                    {"Name": "correlation_id", "Value": correlation_id},
                ],
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, the request may have gone out
            return classify(error)
        message_id = answer.get("MessageId")
        return (
            Sent(message_id) if message_id else Failure(Certainty.UNANSWERED, "answer without a message id")
        )
