"""How much an account may send: recipients a second and in any 24 hours.

https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from ci.emulator.ses.errors import SesError

DAY_SECONDS = 86_400.0


class SendQuota:
    """What one account has sent in one region. Safe to use from any thread.

    The rate is a bucket that fills at MaxSendRate and holds one second's worth: short bursts pass. A message
    passes while anything is left, even to more recipients than are left; the debt is then waited out.

    Parameters
    ----------
    clock
        Returns the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sent: deque[tuple[float, int]] = deque()
        self._counted = 0
        self._level: float | None = None
        self._filled_at = clock()

    def spend(self, recipients: int, counted: int, max_send_rate: float, max_24_hour_send: float) -> None:
        """Take a message's recipients from the quotas, or refuse the message and take nothing.

        Parameters
        ----------
        recipients
            How many count for the rate.
        counted
            How many count for the 24 hours: the mailbox simulator's don't.
        max_send_rate, max_24_hour_send
            The account's MaxSendRate (recipients a second) and Max24HourSend (recipients).

        Raises
        ------
        SesError
            TooManyRequestsException, with the quota that is spent.
        """
        with self._lock:
            now = self._clock()
            if counted and self._forget_before(now - DAY_SECONDS) >= max_24_hour_send:
                raise SesError("TooManyRequestsException", "Daily message quota exceeded.")
            capacity = max(max_send_rate, 1.0)
            level = capacity if self._level is None else self._level
            level = min(capacity, level + (now - self._filled_at) * max_send_rate)
            self._level, self._filled_at = level, now
            # A message takes a whole unit; less than that is left of the last one.
            if level < 1.0:
                raise SesError("TooManyRequestsException", "Maximum sending rate exceeded.")
            self._level = level - recipients
            self._sent.append((now, counted))
            self._counted += counted

    def sent_last_24_hours(self) -> int:
        """Return SentLast24Hours."""
        with self._lock:
            return self._forget_before(self._clock() - DAY_SECONDS)

    def _forget_before(self, start: float) -> int:
        """Return what was sent since then."""
        while self._sent and self._sent[0][0] <= start:
            self._counted -= self._sent.popleft()[1]
        return self._counted
