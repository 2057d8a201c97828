"""What happens, and which alarm it raises: for each, both ways, and both sides of every number in it."""

from __future__ import annotations

from tests.alarms.world import (
    DAY,
    HOUR,
    MINUTE,
    Fact,
    Scenario,
    accepted,
    account,
    ended,
    every,
    function,
    own,
    probes,
    queue,
)

OK, ALARM, INSUFFICIENT = "OK", "ALARM", "INSUFFICIENT_DATA"
VISIBLE, HIDDEN = "ApproximateNumberOfMessagesVisible", "ApproximateNumberOfMessagesNotVisible"
AGE = "ApproximateAgeOfOldestMessage"
QUARTER = 6 * HOUR
"""Of a day."""
Facts = tuple[Fact, ...]
Stories = list[tuple[str, str, Facts]]


def should_be_empty(orders: str, feedback: str) -> Stories:
    """Two queues, of which neither should have a message."""
    return [
        ("neither queue has been used for hours", OK, ()),
        (
            "both queues are empty",
            OK,
            every(MINUTE, range(3), queue(orders, VISIBLE, 0), queue(feedback, VISIBLE, 0)),
        ),
        ("one order event, and the other queue reports nothing", ALARM, queue(orders, VISIBLE, 1)),
        (
            "a sending event was moved back at once",
            ALARM,
            queue(feedback, VISIBLE, 1, 50) + queue(feedback, VISIBLE, 0, 10),
        ),
        ("one sending event", ALARM, queue(orders, VISIBLE, 0) + queue(feedback, VISIBLE, 1)),
        (
            "a message appeared a minute ago",
            ALARM,
            every(MINUTE, [1, 2], queue(orders, VISIBLE, 0)) + queue(orders, VISIBLE, 1),
        ),
        (
            "a message was moved back at once",
            ALARM,
            queue(orders, VISIBLE, 1, 50) + queue(orders, VISIBLE, 0, 10),
        ),
        (
            "a message was moved back a minute ago",
            OK,
            every(MINUTE, [1, 2], queue(orders, VISIBLE, 1)) + queue(orders, VISIBLE, 0),
        ),
    ]


def orders_waiting(visible: int, hidden: int) -> Facts:
    """Order events in the send queue, in a minute."""
    return queue("send", VISIBLE, visible) + queue("send", HIDDEN, hidden)


def oldest(queue_name: str, seconds: float, ago: float = MINUTE) -> Facts:
    """Age of a queue's oldest message."""
    return queue(queue_name, AGE, seconds, ago)


def latencies(emails: int, seconds: float, ago: float = MINUTE) -> Facts:
    """Emails that took so long until SES accepted them."""
    return own("AcceptanceLatency", seconds * 1000, emails, ago)


def hours(*facts: Facts, of: tuple[int, ...] = (0, 1)) -> Facts:
    """The same in each of the last hours."""
    return every(HOUR, of, *facts)


def checks(*found: int | None) -> Facts:
    """What daily checks found, an hour ago the last; None is one that did not run."""
    last = len(found) - 1
    return tuple(
        fact
        for day, number in enumerate(found)
        if number is not None
        for fact in own("NotificationsOverdue", number, ago=HOUR + (last - day) * DAY)
    )


STORIES: dict[str, Stories] = {
    "UndeliveredMessagesAlarm": should_be_empty("order-events-undelivered", "feedback-undelivered"),
    "DeadLettersPresentAlarm": should_be_empty("send-dead-letter", "feedback-dead-letter"),
    "OrdersExpiringAlarm": [
        ("no traffic", OK, ()),
        ("sending has been on hold for a day", OK, oldest("send", DAY)),
        ("an order event is 2 days old", OK, oldest("send", 2 * DAY)),
        ("sending has been on hold for 2 days and a minute", ALARM, oldest("send", 2 * DAY + MINUTE)),
        (
            "it has been sent since, 4 minutes ago",
            ALARM,
            oldest("send", 2 * DAY + 1, 4 * MINUTE) + oldest("send", 0),
        ),
        ("all was sent 10 minutes ago", OK, oldest("send", 3 * DAY, 10 * MINUTE) + oldest("send", 0)),
    ],
    "OrdersWaitingAlarm": [
        ("no traffic", OK, ()),
        (
            "a spike is being worked off",
            OK,
            every(MINUTE, range(12), orders_waiting(2000, 50), oldest("send", 200), accepted(600)),
        ),
        (
            "orders are taken 301 seconds late",
            ALARM,
            every(MINUTE, range(10), oldest("send", 301), accepted(600)),
        ),
        (
            "orders are taken 300 seconds late",
            OK,
            every(MINUTE, range(12), oldest("send", 300), accepted(600)),
        ),
        ("they were late for 9 minutes", OK, every(MINUTE, range(9), oldest("send", 301))),
        (
            "they were late in 9 of 10 minutes",
            OK,
            every(MINUTE, [*range(5), *range(6, 12)], oldest("send", 301)),
        ),
        (
            "the age falls within each minute",
            ALARM,
            every(MINUTE, range(10), oldest("send", 301, 50), oldest("send", 0, 10)),
        ),
        ("5 orders wait, and nothing is sent", ALARM, every(MINUTE, range(10), orders_waiting(2, 3))),
        ("4 orders wait, and nothing is sent", OK, every(MINUTE, range(12), orders_waiting(2, 2))),
        ("two orders back off at 3 a.m.", OK, every(MINUTE, range(12), orders_waiting(0, 2))),
        (
            "5 orders wait, and one is sent at last",
            OK,
            every(MINUTE, range(12), orders_waiting(5, 0)) + accepted(1, 4 * MINUTE),
        ),
        (
            "no order waits through a whole minute",
            OK,
            every(
                MINUTE,
                range(12),
                queue("send", VISIBLE, 9, 50) + queue("send", VISIBLE, 0, 10),
                queue("send", HIDDEN, 9, 50) + queue("send", HIDDEN, 0, 10),
            ),
        ),
    ],
    "EmailsLateAlarm": [
        ("no traffic", OK, ()),
        ("two emails at 3 a.m., of which one was late", OK, latencies(1, 2) + latencies(1, 90)),
        ("1 of 100 was late", OK, latencies(99, 2) + latencies(1, 90)),
        ("2 of 100 were late", ALARM, latencies(98, 2) + latencies(2, 90)),
        ("all took the 30 seconds", OK, latencies(100, 30)),
        ("all took a moment more", ALARM, latencies(100, 30.02)),
        ("99 were late, too few to tell", OK, latencies(99, 90)),
        (
            "a slow leak: 2 % late, hour after hour",
            ALARM,
            every(HOUR, range(6), latencies(82, 2), latencies(2, 45)),
        ),
        ("a spike was late", ALARM, latencies(400, 2, 5 * HOUR) + latencies(1500, 600)),
        ("100 were late, of which half 6 hours ago", ALARM, latencies(50, 90, QUARTER) + latencies(50, 90)),
        ("100 were late, all longer ago", OK, latencies(100, 90, QUARTER + 1)),
        ("half of them were longer ago", OK, latencies(50, 90, QUARTER + 1) + latencies(50, 90)),
    ],
    "SendsFailingAlarm": [
        ("no traffic", OK, ()),
        ("a thousand emails are accepted", OK, accepted(1000)),
        ("one bad address at 3 a.m.", OK, own("SendFailures")),
        ("4 sends failed", OK, own("SendFailures", times=4)),
        ("5 sends failed", ALARM, own("SendFailures", times=5)),
        ("one was sent again after an unknown outcome", ALARM, own("UnknownResent")),
        ("an outcome was unknown, and settled", OK, own("UnknownOutcomes", times=20)),
        (
            "a slow leak: 5 failures, the first 6 hours ago",
            ALARM,
            own("SendFailures", ago=QUARTER) + own("SendFailures", times=4),
        ),
        ("the first was longer ago", OK, own("SendFailures", ago=QUARTER + 1) + own("SendFailures", times=4)),
        ("one was sent again longer ago", OK, own("UnknownResent", ago=QUARTER + 1)),
    ],
    "EmailsFailedAlarm": [
        ("no traffic", OK, ()),
        ("a thousand emails are accepted", OK, accepted(1000)),
        ("sends fail for the configuration, and wait", OK, own("SendFailures", times=5)),
        ("one bad address at 3 a.m.", ALARM, own("SendFailures") + own("EmailsFailed")),
        ("one was refused 6 hours ago", ALARM, own("EmailsFailed", ago=QUARTER)),
        ("one was refused longer ago", OK, own("EmailsFailed", ago=QUARTER + 1)),
    ],
    "OutcomesMissingAlarm": [
        ("no traffic", OK, ()),
        ("all that was accepted has ended", OK, hours(accepted(100), ended(98, 1, 1))),
        ("two emails at 3 a.m., of which one bounced", OK, hours(accepted(2), ended(1, 1))),
        ("feedback is silent on two emails an hour", ALARM, hours(accepted(2))),
        ("feedback is silent on one email an hour", OK, hours(accepted(1))),
        ("feedback is silent for an hour", OK, hours(accepted(50), of=(0,))),
        ("feedback was silent, and is not any more", OK, hours(accepted(50), of=(1, 2))),
        ("6 of 100 have no outcome, hour after hour", ALARM, hours(accepted(100), ended(94))),
        ("5 of 100 have no outcome, hour after hour", OK, hours(accepted(100), ended(95))),
        ("11 of 10,000 have no outcome", ALARM, hours(accepted(10_000), ended(9_989))),
        ("10 of 10,000 have no outcome", OK, hours(accepted(10_000), ended(9_990))),
        (
            "a spike was in flight when the hour ended",
            OK,
            hours(accepted(500), ended(420), of=(1,)) + hours(accepted(100), ended(180), of=(0,)),
        ),
        (
            "all are suppressed",
            OK,
            hours(accepted(30), ended(0, suppressed=30)),
        ),
        ("sending events wait for 901 seconds", ALARM, hours(oldest("feedback", 901))),
        ("sending events wait for 900 seconds", OK, hours(oldest("feedback", 900))),
        (
            "sending events waited once in each hour",
            ALARM,
            hours(oldest("feedback", 901), oldest("feedback", 0, 30)),
        ),
        (
            "feedback is silent, from 2 hours ago on",
            ALARM,
            accepted(2, 2 * HOUR) + accepted(2, HOUR),
        ),
        ("feedback is silent, from a moment later on", OK, accepted(2, 2 * HOUR + 1) + accepted(2, HOUR + 1)),
    ],
    "FunctionsFailingAlarm": [
        ("no traffic", OK, ()),
        ("2 runs crashed", OK, function("send-email", "Errors", 2)),
        ("3 runs of send_email crashed", ALARM, function("send-email", "Errors", 3)),
        ("3 runs of track_delivery crashed", ALARM, function("track-delivery", "Errors", 3)),
        ("the guard failed, and both repetitions", ALARM, function("guard-reputation", "Errors", 3)),
        ("the check failed, and both repetitions", ALARM, function("check-ledger", "Errors", 3)),
        ("send_email was throttled 3 times", ALARM, function("send-email", "Throttles", 3)),
        ("track_delivery was throttled 3 times", ALARM, function("track-delivery", "Throttles", 3)),
        (
            "one run of each crashed",
            ALARM,
            function("send-email", "Errors", 1)
            + function("track-delivery", "Errors", 1)
            + function("check-ledger", "Errors", 1),
        ),
        (
            "3 runs crashed, the first an hour ago",
            ALARM,
            function("send-email", "Errors", 1, HOUR) + function("send-email", "Errors", 2),
        ),
        (
            "the first crashed longer ago",
            OK,
            function("send-email", "Errors", 1, HOUR + 1) + function("send-email", "Errors", 2),
        ),
        ("3 runs crashed 2 hours ago, and none ran since", OK, function("send-email", "Errors", 3, 2 * HOUR)),
    ],
    "NotificationsOverdueAlarm": [
        ("the checks find nothing", OK, checks(0, 0, 0)),
        ("the last check found one", ALARM, checks(0, 0, 1)),
        ("the last check found none any more", OK, checks(0, 5, 0)),
        ("one check did not run", OK, checks(0, 0, None)),
        ("one check did not run since some were found", ALARM, checks(0, 5, None)),
        ("two checks did not run", OK, checks(0, 0, None, None)),
        ("no check has run for days", INSUFFICIENT, checks(0, None, None, None)),
    ],
    "EmailsUndecidedAlarm": [
        ("no traffic", OK, ()),
        ("the daily check finds none", OK, own("AwaitingDecision", 0)),
        ("a message that waits was looked at", ALARM, own("AwaitingDecision")),
        ("it was looked at an hour ago", ALARM, own("AwaitingDecision", ago=HOUR)),
        ("it has been settled for more than an hour", OK, own("AwaitingDecision", ago=HOUR + 1)),
        ("one of two looks finds none", ALARM, own("AwaitingDecision", 0) + own("AwaitingDecision")),
    ],
    "BounceRateHighAlarm": [
        ("no traffic", OK, ()),
        ("two emails at 3 a.m., of which one bounced", OK, accepted(2) + own("HardBounces")),
        ("a spike of bounces", ALARM, accepted(200) + own("HardBounces", times=60)),
        ("5 % bounced", OK, accepted(1000) + own("HardBounces", times=50)),
        ("a little more than 5 % bounced", ALARM, accepted(2000) + own("HardBounces", times=101)),
        ("10 of 19 bounced, too few to tell", OK, accepted(19) + own("HardBounces", times=10)),
        ("2 of 20 bounced", ALARM, accepted(20) + own("HardBounces", times=2)),
        ("many were suppressed, which counts for nothing", OK, accepted(100) + ended(50, suppressed=50)),
        (
            "20 accepted, of which 2 bounced, an hour ago",
            ALARM,
            accepted(20, HOUR) + own("HardBounces", times=2),
        ),
        ("it was longer ago", OK, accepted(20, HOUR + 1) + own("HardBounces", times=2)),
        ("a spike 2 hours ago", OK, accepted(200, 2 * HOUR) + own("HardBounces", times=60, ago=2 * HOUR)),
        (
            "a slow leak: one bounce in three hours, which SES adds up",
            ALARM,
            every(3 * HOUR, range(4), accepted(9), own("HardBounces")) + account("BounceRate", 0.0505),
        ),
        ("the account is at 5 %", OK, account("BounceRate", 0.05)),
        (
            "the account was above 5 % within the hour",
            ALARM,
            account("BounceRate", 0.06, 1800) + account("BounceRate", 0.04),
        ),
    ],
    "ComplaintRateHighAlarm": [
        ("no traffic", OK, ()),
        ("two emails at 3 a.m., of which one was complained about", OK, accepted(2) + own("Complaints")),
        ("1 of 1,000 complained", OK, accepted(1000) + own("Complaints")),
        ("2 of 1,000 complained", ALARM, accepted(1000) + own("Complaints", times=2)),
        ("2 of 999 complained, too few to tell", OK, accepted(999) + own("Complaints", times=2)),
        ("20 of 20,000 complained", OK, accepted(20_000) + own("Complaints", times=20)),
        ("20 of 19,990 complained", ALARM, accepted(19_990) + own("Complaints", times=20)),
        (
            "a slow leak: one complaint in 6 hours",
            ALARM,
            every(QUARTER, range(4), accepted(500), own("Complaints")),
        ),
        ("2 of 1,000, a day ago", ALARM, accepted(1000, DAY) + own("Complaints", times=2, ago=DAY)),
        ("it was longer ago", OK, accepted(1000, DAY + 1) + own("Complaints", times=2, ago=DAY + 1)),
        ("the account is at 0.1 %", OK, account("ComplaintRate", 0.001)),
        (
            "the account was a little above 0.1 % within the day",
            ALARM,
            account("ComplaintRate", 0.0010005, 12 * HOUR) + account("ComplaintRate", 0.0008),
        ),
    ],
    "ProbesFailingAlarm": [
        ("there are no probes", OK, accepted(100)),
        ("the first one was started", OK, probes(1, 0)),
        ("all three were delivered", OK, probes(3, 3)),
        ("1 of 3 failed", OK, probes(3, 2)),
        ("2 of 3 failed", ALARM, probes(3, 1)),
        ("1 of 2 failed", OK, probes(2, 1)),
        ("both failed", ALARM, probes(2, 0)),
        ("emails come through, and two probes do not", ALARM, probes(2, 0) + ended(50)),
        ("3 of 5 failed", ALARM, probes(5, 2)),
        ("half failed", OK, probes(6, 3)),
        ("2 of 3 failed, the first half an hour ago", ALARM, probes(1, 0, 30 * MINUTE) + probes(2, 1)),
        ("both failed in the half-hour before", OK, probes(2, 0, 31 * MINUTE) + probes(2, 2)),
        ("both failed, the first longer ago", OK, probes(1, 0, 30 * MINUTE + 1) + probes(1, 0)),
    ],
    "ReputationAtRiskAlarm": [
        ("no traffic", OK, ()),
        ("two emails at 3 a.m., of which one bounced", OK, accepted(2) + own("HardBounces")),
        ("10 % of 1,000 bounced", OK, accepted(1000) + own("HardBounces", times=100)),
        ("a little more bounced", ALARM, accepted(1000) + own("HardBounces", times=101)),
        ("11 of 100 bounced", ALARM, accepted(100) + own("HardBounces", times=11)),
        ("50 of 99 bounced, too few to tell", OK, accepted(99) + own("HardBounces", times=50)),
        ("0.5 % of 1,000 complained", OK, accepted(1000) + own("Complaints", times=5)),
        ("a little more complained", ALARM, accepted(40_199) + own("Complaints", times=201)),
        ("2 of 200 complained", ALARM, accepted(200) + own("Complaints", times=2)),
        ("2 of 199 complained, too few to tell", OK, accepted(199) + own("Complaints", times=2)),
        (
            "a spike of bounces, an hour ago",
            ALARM,
            accepted(200, HOUR) + own("HardBounces", times=60, ago=HOUR),
        ),
        ("it was longer ago", OK, accepted(200, HOUR + 1) + own("HardBounces", times=60, ago=HOUR + 1)),
        (
            "a spike of bounces that is over",
            OK,
            accepted(200, 2 * HOUR) + own("HardBounces", times=60, ago=2 * HOUR) + accepted(200),
        ),
    ],
    "DeliveryRateLowAlarm": [
        ("no traffic", OK, ()),
        ("two emails at 3 a.m., of which one bounced", OK, ended(1, 1)),
        ("99 % were delivered", OK, ended(1980, 20)),
        ("a little less than 99 % were delivered", ALARM, ended(1980, 21)),
        ("2 of 100 were not delivered", ALARM, ended(98, 2)),
        ("50 of 99 were not delivered, too few to tell", OK, ended(49, 50)),
        ("soft bounces count too", ALARM, ended(95) + own("EmailsDelivered", 0, 5)),
        ("10 % were suppressed, which counts for nothing", OK, ended(900, suppressed=100)),
        ("most were suppressed, and 3 of the rest bounced", ALARM, ended(97, 3, suppressed=500)),
        ("thousands are in flight", OK, accepted(5000) + ended(1000)),
        ("a slow leak: 3 of 84 an hour", ALARM, every(HOUR, range(24), ended(81, 3))),
        ("2 of 100 were not delivered, a day ago", ALARM, ended(98, 2, ago=DAY)),
        ("it was longer ago", OK, ended(98, 2, ago=DAY + 1)),
    ],
}

SCENARIOS = [
    Scenario(alarm, story, state, facts)
    for alarm, stories in STORIES.items()
    for story, state, facts in stories
]
