"""MaxSendRate and the 24-hour quota.

https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas.html
"""

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ci.emulator.ses.errors import SesError
from ci.emulator.ses.quota import SendQuota
from ci.emulator.tests.ses_feedback import email

RATE_EXCEEDED = "Maximum sending rate exceeded."
DAY_EXCEEDED = "Daily message quota exceeded."


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def quota(clock):
    return SendQuota(clock)


def spend(quota, recipients=1, counted=None, rate=10.0, day=1000.0):
    """Send one message; returns the text of a TooManyRequestsException, or None."""
    try:
        quota.spend(recipients, recipients if counted is None else counted, rate, day)
    except SesError as error:
        return str(error) if error.code == "TooManyRequestsException" else error.code
    return None


def test_one_seconds_worth_passes_at_once_and_the_next_is_refused(quota):
    """Short bursts may exceed the rate, a sustained stream may not."""
    assert [spend(quota) for _ in range(11)] == [None] * 10 + [RATE_EXCEEDED]


def test_refused_message_takes_nothing(quota, clock):
    for _ in range(30):
        spend(quota)
    clock.now += 0.1
    assert [spend(quota), spend(quota)] == [None, RATE_EXCEEDED]


def test_sustained_rate_is_the_quotas(quota, clock):
    accepted = 0
    for _ in range(1000):
        clock.now += 0.01
        accepted += spend(quota) is None
    assert accepted == pytest.approx(10 + 10 * 10, abs=1)


def test_message_to_more_recipients_than_are_left_passes_and_its_debt_is_waited_out(quota, clock):
    """Quotas count recipients: https://docs.aws.amazon.com/ses/latest/dg/quotas.html."""
    assert spend(quota, recipients=30) is None
    clock.now += 2.0
    assert spend(quota) == RATE_EXCEEDED
    clock.now += 0.1
    assert spend(quota) is None


def test_rate_below_one_a_second_allows_one_message_each_interval(quota, clock):
    assert [spend(quota, rate=0.5), spend(quota, rate=0.5)] == [None, RATE_EXCEEDED]
    clock.now += 2.0
    assert spend(quota, rate=0.5) is None


def test_daily_quota_is_of_any_24_hours(quota, clock):
    assert [spend(quota, rate=100, day=3) for _ in range(2)] == [None, None]
    clock.now += 3600
    assert [spend(quota, rate=100, day=3) for _ in range(2)] == [None, DAY_EXCEEDED]
    clock.now += 23 * 3600
    assert [spend(quota, rate=100, day=3) for _ in range(3)] == [None, None, DAY_EXCEEDED]
    assert quota.sent_last_24_hours() == 3


def test_mailbox_simulator_counts_for_the_rate_but_not_for_the_day(quota):
    """https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html."""
    assert [spend(quota, counted=0, rate=3, day=1) for _ in range(4)] == [None] * 3 + [RATE_EXCEEDED]
    assert quota.sent_last_24_hours() == 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"max_send_rate": 1}, RATE_EXCEEDED), ({"max_24_hour_send": 1}, DAY_EXCEEDED)],
)
def test_send_email_is_refused_when_a_quota_is_spent(emulator, clients, settings, message):
    """https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html."""
    ses = clients("sesv2", config=Config(retries={"total_max_attempts": 1}))
    emulator.control.set_ses(**settings)
    ses.send_email(**email())
    with pytest.raises(ClientError) as caught:
        ses.send_email(**email())
    response = caught.value.response
    assert response["Error"]["Code"] == "TooManyRequestsException"
    assert response["Error"]["Message"] == message
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert len(emulator.control.accepted()) == 1


def test_get_account_tells_the_quotas_and_what_was_sent(emulator, ses):
    """https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendQuota.html."""
    emulator.control.set_ses(max_send_rate=20, max_24_hour_send=100)
    ses.send_email(**email(Destination={"ToAddresses": ["a@example.com", "b@example.com"]}))
    ses.send_email(**email("success@simulator.amazonses.com"))
    assert ses.get_account()["SendQuota"] == {
        "Max24HourSend": 100,
        "MaxSendRate": 20,
        "SentLast24Hours": 2,
    }
