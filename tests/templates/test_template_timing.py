"""The times fit together: an outage loses nothing, and no record is forgotten before its order event is."""

from datetime import timedelta

import pytest

from notifications.overdue import OUTCOME_LIFE, REPORTED_DAYS, SEND_QUEUE_LIFE
from notifications.queues import ATTRIBUTE_LENGTH
from notifications.sending import BACKOFF_CAP_SECONDS, FEEDBACK_BACKOFF_CAP_SECONDS, backoff_seconds
from notifications.tracking import HEARD_LIFE
from tests.templates.model import ENVIRONMENTS, deploy, resources_of, template

HOUR, DAY = 3600, 86400
QUEUES = {queue.logical_id: queue.properties for queue in resources_of(deploy("prod"), "AWS::SQS::Queue")}
FED_BY_QUEUES = ("SendEmailFunction", "TrackDeliveryFunction")
LEAST_RANDOM, MOST_RANDOM = 0.0, 1.0
MEBIBYTE = 1_048_576


def retries_seconds(queue: str, random_number: float) -> float:
    """Return how long a message that fails every time is retried before it is set aside."""
    receives = QUEUES[queue]["RedrivePolicy"]["maxReceiveCount"]
    cap = {"SendQueue": BACKOFF_CAP_SECONDS, "FeedbackQueue": FEEDBACK_BACKOFF_CAP_SECONDS}[queue]
    return sum(backoff_seconds(count, random_number, cap) for count in range(1, receives + 1))


def retention(queue: str) -> int:
    return QUEUES[queue]["MessageRetentionPeriod"]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("queue", ["SendQueue", "FeedbackQueue"])
def test_queue_hides_a_message_for_six_times_its_functions_timeout(environment: str, queue: str) -> None:
    stacks = deploy(environment)
    visibility = int(stacks["messaging"].resources[queue].properties["VisibilityTimeout"])
    fed_by_queues = [stacks["sending"].resources[name] for name in FED_BY_QUEUES]
    timeouts = [int(function.properties["Timeout"]) for function in fed_by_queues]

    assert visibility >= 6 * max(timeouts)


def test_default_visibility_timeout_allows_every_timeout_that_a_function_may_have() -> None:
    visibility = int(template("messaging")["Parameters"]["VisibilityTimeoutSeconds"]["Default"])

    assert visibility >= 6 * template("sending")["Parameters"]["FunctionTimeoutSeconds"]["MaxValue"]


def test_back_off_is_no_longer_than_a_visibility_timeout_that_the_queue_may_have() -> None:
    assert template("messaging")["Parameters"]["VisibilityTimeoutSeconds"]["MaxValue"] <= BACKOFF_CAP_SECONDS


def test_order_outlasts_an_outage_of_more_than_40_hours_without_anybodys_help() -> None:
    assert retries_seconds("SendQueue", LEAST_RANDOM) > 40 * HOUR


def test_feedback_outlasts_an_outage_of_more_than_2_hours_without_anybodys_help() -> None:
    assert retries_seconds("FeedbackQueue", LEAST_RANDOM) > 2 * 2 * HOUR


@pytest.mark.parametrize("queue", ["SendQueue", "FeedbackQueue"])
def test_message_that_always_fails_is_set_aside_before_its_queue_forgets_it(queue: str) -> None:
    receives = QUEUES[queue]["RedrivePolicy"]["maxReceiveCount"]
    longest_runs = receives * template("sending")["Parameters"]["FunctionTimeoutSeconds"]["MaxValue"]

    assert retries_seconds(queue, MOST_RANDOM) + longest_runs < retention(queue)


@pytest.mark.parametrize("queue", [name for name in QUEUES if "RedrivePolicy" not in QUEUES[name]])
def test_message_that_was_set_aside_is_kept_for_14_days(queue: str) -> None:
    assert retention(queue) == 14 * DAY


def test_order_is_not_called_too_old_while_it_is_still_being_retried() -> None:
    default_hours = int(template("root")["Parameters"]["MaximumEventAgeHours"]["Default"])

    assert default_hours * HOUR > retries_seconds("SendQueue", MOST_RANDOM)
    assert default_hours * HOUR < retention("SendQueue")


def test_event_is_kept_for_longer_than_an_order_may_be_attempted_by_itself() -> None:
    """Else silence would be believed whose reason is that the event has expired unread."""
    oldest_order = template("root")["Parameters"]["MaximumEventAgeHours"]["MaxValue"] * HOUR
    feedback = ("FeedbackQueue", "FeedbackDeadLetterQueue", "FeedbackUndeliveredQueue")

    assert min(map(retention, feedback)) > oldest_order


def test_record_outlives_the_longest_way_of_its_order_event_through_the_queues() -> None:
    parameters = template("root")["Parameters"]
    oldest_event = parameters["MaximumEventAgeHours"]["MaxValue"] * HOUR
    undelivered_then_sent = retention("OrderEventsUndeliveredQueue") + retention("SendQueue")
    set_aside_then_sent_again = retention("SendDeadLetterQueue") + retention("SendQueue")

    shortest_record = parameters["RecordRetentionDays"]["MinValue"] * DAY
    assert shortest_record > oldest_event + undelivered_then_sent + set_aside_then_sent_again


def test_notification_is_overdue_as_soon_as_its_order_event_cannot_be_in_the_send_queue_any_more() -> None:
    assert SEND_QUEUE_LIFE.total_seconds() == retention("SendQueue")


def test_overdue_notification_is_reported_before_its_record_expires() -> None:
    shortest_record = template("root")["Parameters"]["RecordRetentionDays"]["MinValue"]

    assert shortest_record > max(SEND_QUEUE_LIFE, OUTCOME_LIFE).days + REPORTED_DAYS


@pytest.mark.parametrize("environment", [name for name in ENVIRONMENTS if name != "local"])
def test_unknown_attempt_waits_long_enough_for_its_event_on_aws(environment: str) -> None:
    assert int(deploy(environment)["root"].parameters["SettleWindowSeconds"]) >= 900


@pytest.mark.parametrize("environment", [name for name in ENVIRONMENTS if name != "local"])
def test_probes_are_emails_of_which_events_come_before_and_after_every_attempt(environment: str) -> None:
    """What an attempt without an answer needs before it is made again, where a shop wants that.

    Orders that wait for their back-off after an error included: at most the schedule's retries.
    """
    stacks = deploy(environment, ProbeMinutes=str(template("root")["Parameters"]["ProbeMinutes"]["MaxValue"]))
    schedule = stacks["sending"].resources["ProbeSchedule"].properties
    minutes = int(schedule["ScheduleExpression"].removeprefix("rate(").removesuffix(" minutes)"))
    latest = minutes + schedule["FlexibleTimeWindow"]["MaximumWindowInMinutes"]

    assert 60 * latest < int(stacks["root"].parameters["SettleWindowSeconds"])


def test_message_that_waits_for_a_person_is_set_aside_by_the_function_before_sqs_does_it() -> None:
    variables = template("sending")["Resources"]["SendEmailFunction"]["Properties"]["Environment"][
        "Variables"
    ]

    assert (
        int(variables["SEND_QUEUE_MAX_RECEIVES"]) == QUEUES["SendQueue"]["RedrivePolicy"]["maxReceiveCount"]
    )


def test_marker_of_an_event_that_came_outlives_every_order_that_may_be_sent_again() -> None:
    oldest_hours = template("root")["Parameters"]["MaximumEventAgeHours"]["MaxValue"]

    assert timedelta(hours=oldest_hours) < HEARD_LIFE


def test_settle_window_fits_into_the_retries_many_times() -> None:
    longest = template("root")["Parameters"]["SettleWindowSeconds"]["MaxValue"]

    assert 10 * longest < retries_seconds("SendQueue", LEAST_RANDOM)


@pytest.mark.parametrize(
    ("queue", "dead_letters"),
    [("SendQueue", "SendDeadLetterQueue"), ("FeedbackQueue", "FeedbackDeadLetterQueue")],
)
def test_refused_message_fits_into_the_dead_letter_queue_with_its_reason(
    queue: str, dead_letters: str
) -> None:
    reason = 10 * (ATTRIBUTE_LENGTH * 4 + 256)

    assert (
        QUEUES[queue]["MaximumMessageSize"] + reason < QUEUES[dead_letters]["MaximumMessageSize"] == MEBIBYTE
    )
