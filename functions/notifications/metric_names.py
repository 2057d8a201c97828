"""The service's own metrics."""

EMAILS_ACCEPTED = "EmailsAccepted"
"""Without synthetic orders, as all that rates are made of."""
SEND_FAILURES = "SendFailures"
"""What a person has to look at: refused for good, refused until the configuration is mended, and errors
nobody foresaw. Messages that only wait, as for a throttled SES, show in the age of the queue's oldest."""
EMAILS_FAILED = "EmailsFailed"
"""Refused for good: that customer gets no email. They are among the send failures too."""
UNKNOWN_OUTCOMES = "UnknownOutcomes"
UNKNOWN_RESENT = "UnknownResent"
AWAITING_DECISION = "AwaitingDecision"
"""Emails of unknown outcome that wait for a person: counted at each look, so that the alarm stays on, and by
the daily check, even when it is none."""
EMAILS_DELIVERED = "EmailsDelivered"
"""1 for an email that was delivered, 0 for one that ended otherwise: the sum is how many were delivered, the
number of samples how many have ended, and no rate depends on when an email was accepted."""
PROBES_DELIVERED = "ProbesDelivered"
HARD_BOUNCES = "HardBounces"
"""1 for a bounce that SES counts, 0 for an email that it suppressed on the account's behalf, which it does
not count: the number of samples less the sum is how many were suppressed."""
COMPLAINTS = "Complaints"
NOTIFICATIONS_OVERDUE = "NotificationsOverdue"
"""What the daily check found; emitted even when it is none."""
ACCEPTANCE_LATENCY = "AcceptanceLatency"
"""Milliseconds from an order event entering the send queue until SES accepted its email."""
