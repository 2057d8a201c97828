"""The records that SES publishes.

The records in `ses_events/` are AWS's own. What each field means:
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

import json
from pathlib import Path

import pytest

from ci.emulator.ses import outcomes
from ci.emulator.tests.ses_feedback import Feedback, email, simple, types_of, wait_until

RECORDS = {
    record["eventType"]: record
    for record in (
        json.loads(path.read_text()) for path in Path(__file__).with_name("ses_events").glob("*.json")
    )
}
VIRUS_TEST = r"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

# Message tags are the sender's choice: AWS's examples of these types happen to have none, or other ones.
OWN_TAGS = {"order_key", "attempt"}
AWS_TAGS = {"myCustomTag1", "myCustomTag2"}


def key_paths(value, path=""):
    """Every key in a record, as a path; list items count as one."""
    if isinstance(value, dict):
        return {
            found
            for key, item in value.items()
            for found in {f"{path}.{key}", *key_paths(item, f"{path}.{key}")}
        }
    if isinstance(value, list):
        return {found for item in value for found in key_paths(item, f"{path}[]")}
    return set()


def without_own_tags(paths):
    return {path for path in paths if path.removeprefix(".mail.tags.") not in OWN_TAGS | AWS_TAGS}


@pytest.fixture
def events_of(emulator, ses, feedback):
    """Sends a tagged message and waits for its events."""

    def send(count, to="ada@example.com", **changes):
        tags = [{"Name": "order_key", "Value": "abc"}, {"Name": "attempt", "Value": "1"}]
        arguments = email(to, EmailTags=tags, ConfigurationSetName=feedback.configuration_set) | changes
        ses.send_email(**arguments)
        return feedback.events(count)

    return send


def scripted(emulator, *steps):
    emulator.control.set_ses(outcomes={"ada@example.com": list(steps)})


@pytest.fixture
def every_type(emulator, events_of, ses, feedback):
    """One event of each type, by type."""
    scripted(
        emulator, {"event": "DeliveryDelay", "type": "TransientCommunicationFailure"}, {"event": "Delivery"}
    )
    found = events_of(3)
    found += events_of(2, to="bounce@simulator.amazonses.com")
    found += events_of(3, to="complaint@simulator.amazonses.com")
    found += events_of(2, Content=simple(text=VIRUS_TEST))
    scripted(emulator, {"event": "Rendering Failure"})
    found += events_of(2)
    return {event["eventType"]: event for event in found}


def test_every_record_has_the_keys_of_awss_example_and_no_others(every_type):
    """https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html."""
    assert set(every_type) == set(RECORDS)
    for event_type, record in RECORDS.items():
        emitted = without_own_tags(key_paths(every_type[event_type]))
        assert (event_type, emitted) == (event_type, without_own_tags(key_paths(record)))


def test_every_record_carries_the_messages_tags_as_lists(every_type, feedback):
    for event_type, event in every_type.items():
        tags = event["mail"]["tags"]
        assert (event_type, tags["order_key"], tags["attempt"]) == (event_type, ["abc"], ["1"])
        assert tags["ses:configuration-set"] == [feedback.configuration_set]
    assert (
        every_type["Delivery"]["mail"]["tags"].items()
        >= {
            "ses:source-ip": ["127.0.0.1"],
            "ses:from-domain": ["shop.example"],
            "ses:caller-identity": ["root"],
        }.items()
    )


def test_records_name_the_message_as_send_email_did(emulator, events_of):
    [send, delivery] = events_of(2)
    [mail] = emulator.control.accepted()
    for event in (send, delivery):
        assert event["mail"]["messageId"] == mail["message_id"]
        assert event["mail"]["destination"] == ["ada@example.com"]
        assert event["mail"]["source"] == "Shop <orders@shop.example>"
        assert event["mail"]["sourceArn"] == "arn:aws:ses:us-east-1:000000000000:identity/shop.example"
        assert event["mail"]["commonHeaders"]["subject"] == "Your order"
    assert delivery["delivery"]["recipients"] == ["ada@example.com"]


def test_headers_are_truncated_above_10_kilobytes(emulator, events_of):
    long = [{"Name": f"X-{number}", "Value": "v" * 900} for number in range(15)]
    [send, _] = events_of(2, Content=simple(Headers=long))
    kept, sent = send["mail"]["headers"], emulator.control.accepted()[0]["headers"]
    assert send["mail"]["headersTruncated"] is True
    assert kept == sent[: len(kept)]
    assert len(kept) < len(sent)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("success", ["Delivery"]),
        ("bounce", ["Bounce Permanent General"]),
        ("ooto", ["Delivery", "Bounce Transient General"]),
        ("complaint", ["Delivery", "Complaint abuse"]),
        ("suppressionlist", ["Bounce Permanent Suppressed"]),
    ],
)
@pytest.mark.parametrize("label", ["", "+label1"])
def test_mailbox_simulator_does_what_its_address_says(events_of, name, label, expected):
    """https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html."""
    address = f"{name}{label}@simulator.amazonses.com"
    events = events_of(1 + len(expected), to=address)
    assert [summary(event) for event in events] == ["Send", *expected]
    assert events[-1]["mail"]["destination"] == [address]


def summary(event):
    bounce, complaint = event.get("bounce", {}), event.get("complaint", {})
    details = [bounce.get("bounceType"), bounce.get("bounceSubType"), complaint.get("complaintFeedbackType")]
    return " ".join([event["eventType"], *filter(None, details)])


@pytest.mark.parametrize(
    ("bounce_type", "subtype"),
    [
        ("Undetermined", "Undetermined"),
        ("Permanent", "General"),
        ("Permanent", "NoEmail"),
        ("Permanent", "Suppressed"),
        ("Permanent", "OnAccountSuppressionList"),
        ("Transient", "General"),
        ("Transient", "MailboxFull"),
        ("Transient", "MessageTooLarge"),
        ("Transient", "CustomTimeoutExceeded"),
        ("Transient", "ContentRejected"),
        ("Transient", "AttachmentRejected"),
        ("Permanent", "SomethingNew"),
    ],
)
def test_bounce_has_the_scripted_type_and_subtype(emulator, events_of, bounce_type, subtype):
    """Every row of AWS's table of bounce types, and one that AWS may yet add."""
    scripted(emulator, {"event": "Bounce", "type": bounce_type, "subtype": subtype})
    bounce = events_of(2)[1]["bounce"]
    assert (bounce["bounceType"], bounce["bounceSubType"]) == (bounce_type, subtype)
    [recipient] = bounce["bouncedRecipients"]
    assert recipient["emailAddress"] == "ada@example.com"
    assert recipient["status"] in recipient["diagnosticCode"] or "Amazon SES" in recipient["diagnosticCode"]


def test_automatic_reply_has_no_delivery_status_notification(events_of):
    """A notification's fields are there only if one came: an out-of-office reply isn't one (RFC 3834)."""
    bounce = events_of(3, to="ooto@simulator.amazonses.com")[2]["bounce"]
    assert bounce["bouncedRecipients"] == [{"emailAddress": "ooto@simulator.amazonses.com"}]
    assert "reportingMTA" not in bounce


@pytest.mark.parametrize("feedback_type", ["abuse", "auth-failure", "fraud", "not-spam", "other", "virus"])
def test_complaint_has_the_scripted_type(emulator, events_of, feedback_type):
    scripted(emulator, {"event": "Complaint", "type": feedback_type})
    assert events_of(2)[1]["complaint"]["complaintFeedbackType"] == feedback_type


def test_complaint_may_come_without_recipients_or_a_feedback_report(emulator, events_of):
    scripted(emulator, {"event": "Complaint", "without": ["complainedRecipients"]})
    assert set(events_of(2)[1]["complaint"]) == {"timestamp", "feedbackId"}


def test_delivery_delay_has_the_scripted_type(emulator, events_of):
    """Every delayType, in the order of AWS's list."""
    delay_types = [
        "InternalFailure",
        "General",
        "MailboxFull",
        "SpamDetected",
        "RecipientServerError",
        "IPFailure",
        "TransientCommunicationFailure",
        "BYOIPHostNameLookupUnavailable",
        "Undetermined",
        "SendingDeferral",
    ]
    scripted(emulator, *({"event": "DeliveryDelay", "type": delay_type} for delay_type in delay_types))
    [_, *delays] = events_of(11)
    assert [event["deliveryDelay"]["delayType"] for event in delays] == delay_types


def test_message_may_be_delivered_after_a_delay(emulator, events_of):
    scripted(emulator, {"event": "DeliveryDelay", "type": "MailboxFull"}, {"event": "Delivery"})
    assert types_of(events_of(3)) == ["Send", "DeliveryDelay", "Delivery"]


def test_message_with_a_virus_is_accepted_and_then_rejected(emulator, events_of):
    """https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html (testing Reject events)."""
    events = events_of(2, Content=simple(text=VIRUS_TEST))
    assert types_of(events) == ["Send", "Reject"]
    assert events[1]["reject"] == {"reason": "Bad content"}
    assert len(emulator.control.accepted()) == 1


def test_each_recipient_has_outcomes_of_its_own(events_of):
    recipients = ["success@simulator.amazonses.com", "bounce@simulator.amazonses.com"]
    events = events_of(3, Destination={"ToAddresses": recipients})
    assert [summary(event) for event in events] == ["Send", "Delivery", "Bounce Permanent General"]
    assert events[1]["delivery"]["recipients"] == recipients[:1]
    assert [bounced["emailAddress"] for bounced in events[2]["bounce"]["bouncedRecipients"]] == recipients[1:]


def test_destination_gets_only_the_types_that_it_asks_for(emulator, clients, ses):
    """https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_EventDestination.html."""
    feedback = Feedback(clients, "only-bounces", event_types=["BOUNCE"])
    for name in ("success", "bounce"):
        address = f"{name}@simulator.amazonses.com"
        ses.send_email(**email(address, ConfigurationSetName=feedback.configuration_set))
    assert types_of(feedback.events(1)) == ["Bounce"]


def test_disabled_destination_gets_nothing(emulator, ses, feedback):
    """https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_EventDestination.html (Enabled)."""
    name = feedback.configuration_set
    arguments = {"ConfigurationSetName": name, "EventDestinationName": "sns"}
    destination = {"MatchingEventTypes": ["SEND"], "SnsDestination": {"TopicArn": feedback.topic_arn}}
    ses.update_configuration_set_event_destination(
        **arguments, EventDestination={**destination, "Enabled": False}
    )
    ses.send_email(**email("first@example.com", ConfigurationSetName=name))
    wait_until(lambda: emulator.control.ses()["events_waiting"] == 0)
    ses.update_configuration_set_event_destination(
        **arguments, EventDestination={**destination, "Enabled": True}
    )
    ses.send_email(**email("second@example.com", ConfigurationSetName=name))
    assert [event["mail"]["destination"] for event in feedback.events(1)] == [["second@example.com"]]


def test_events_are_published_in_the_region_of_the_message(emulator, clients):
    """https://docs.aws.amazon.com/ses/latest/dg/regions.html."""
    feedback = Feedback(clients, "ireland", region="eu-west-1")
    clients("sesv2", "eu-west-1").send_email(**email(ConfigurationSetName=feedback.configuration_set))
    [send, _] = feedback.events(2)
    assert send["mail"]["sourceArn"] == "arn:aws:ses:eu-west-1:000000000000:identity/shop.example"


def test_message_without_configuration_set_has_no_events(emulator, ses):
    ses.send_email(**email())
    assert emulator.control.ses()["events_waiting"] == 0


def test_outcome_with_a_wrong_field_is_refused():
    with pytest.raises(ValueError, match="colour"):
        outcomes.from_json({"event": "Bounce", "colour": "red"})
