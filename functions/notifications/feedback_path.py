"""Is the path on which SES's events arrive alive? Only then does silence mean that nothing was sent.

The watermark tells: the newest time at which SES accepted a message whose `Send` event was recorded. It
alone is not enough, for after an outage the newest event may arrive first, with older ones still on their
way. So the path also keeps since when it has been alive without a break, and an attempt counts as never made
only if the path was alive for a whole settle window after both the attempt and the path's last recovery.
Pure: no AWS, no clock.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class FeedbackPath:
    """What is known of the path. Times are epoch milliseconds.

    Parameters
    ----------
    watermark_ms
        The newest time of acceptance whose `Send` event was recorded.
    recorded_at_ms
        When a `Send` event was last recorded.
    alive_since_ms
        Since when events have arrived without a break.
    waiting
        Whether events wait in the feedback queue or in one of its dead-letter queues.
    """

    watermark_ms: int
    recorded_at_ms: int
    alive_since_ms: int
    waiting: bool = False

    def was_alive_after(self, send_by_ms: int, settle_window_ms: int) -> bool:
        """Whether an event of an attempt that ended by `send_by_ms` would have been recorded by now."""
        return (
            not self.waiting and self.watermark_ms >= max(send_by_ms, self.alive_since_ms) + settle_window_ms
        )


def advance(path: FeedbackPath | None, sent_at_ms: int, now_ms: int, settle_window_ms: int) -> FeedbackPath:
    """The path, now that the `Send` event of a message accepted at `sent_at_ms` was recorded at `now_ms`.

    A silence, or an event, of more than a settle window is a break: what else is late can't be told.
    """
    if path is None:
        return FeedbackPath(sent_at_ms, now_ms, now_ms)
    broken = now_ms - path.recorded_at_ms > settle_window_ms or now_ms - sent_at_ms > settle_window_ms
    return replace(
        path,
        watermark_ms=max(path.watermark_ms, sent_at_ms),
        recorded_at_ms=max(path.recorded_at_ms, now_ms),
        alive_since_ms=max(path.alive_since_ms, now_ms) if broken else path.alive_since_ms,
    )
