"""What the twin does not do as SES does: the gaps under "What the emulator cannot show" in README.md.

A test that fails here says that a gap is closed, by us or by a new MiniStack: then it and its line go.
"""

import json
import uuid

from ci.emulator.tests.ses_feedback import email, types_of, wait_until

HARD_BOUNCE = [{"event": "Bounce", "type": "Permanent", "subtype": "General", "after_seconds": 3600}]


def test_version_1_of_the_api_is_not_the_twins(emulator, clients):
    """Its messages are neither in the accept log nor in the quota: use SES v2."""
    ses_v1 = clients("ses")
    ses_v1.verify_domain_identity(Domain="shop.example")
    ses_v1.send_email(
        Source="orders@shop.example",
        Destination={"ToAddresses": ["ada@example.com"]},
        Message={"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}},
    )
    assert emulator.control.accepted() == []


def test_bulk_email_is_not_the_twins(emulator, ses):
    template = {"TemplateContent": {"Subject": "s", "Text": "t"}, "TemplateData": "{}"}
    ses.send_bulk_email(
        FromEmailAddress="orders@shop.example",
        DefaultContent={"Template": template},
        BulkEmailEntries=[{"Destination": {"ToAddresses": ["ada@example.com"]}}],
    )
    assert emulator.control.accepted() == []


def test_other_operations_are_not_limited_to_one_a_second(ses):
    """https://docs.aws.amazon.com/ses/latest/dg/quotas.html (API quotas)."""
    assert len([ses.get_account() for _ in range(5)]) == 5


def test_suppressed_addresses_may_be_put_in_the_sandbox(emulator, ses):
    """https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html says otherwise."""
    emulator.control.set_ses(sandbox=True)
    ses.put_suppressed_destination(EmailAddress="ada@example.com", Reason="BOUNCE")
    assert ses.get_suppressed_destination(EmailAddress="ada@example.com")


def test_bounced_address_is_listed_before_its_bounce_comes(emulator, ses, feedback):
    emulator.control.set_ses(outcomes={"ada@*": HARD_BOUNCE})
    ses.send_email(**email(ConfigurationSetName=feedback.configuration_set))
    assert emulator.control.ses()["events_waiting"] >= 1
    assert ses.get_suppressed_destination(EmailAddress="ada@example.com")


def test_bounces_of_one_message_are_not_combined(ses, feedback):
    """https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html says they are."""
    recipients = [f"bounce+{number}@simulator.amazonses.com" for number in range(2)]
    ses.send_email(
        **email(Destination={"ToAddresses": recipients}, ConfigurationSetName=feedback.configuration_set)
    )
    assert types_of(feedback.events(3)) == ["Send", "Bounce", "Bounce"]


def test_only_sns_destinations_get_events(emulator, clients, ses):
    """https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination.html."""
    name = f"eventbridge-{uuid.uuid4().hex[:8]}"
    ses.create_configuration_set(ConfigurationSetName=name)
    bus = "arn:aws:events:us-east-1:000000000000:event-bus/default"
    queue = clients("sqs").create_queue(QueueName=name)["QueueUrl"]
    clients("events").put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.ses"]}))
    clients("events").put_targets(
        Rule=name, Targets=[{"Id": "queue", "Arn": f"arn:aws:sqs:us-east-1:000000000000:{name}"}]
    )
    ses.create_configuration_set_event_destination(
        ConfigurationSetName=name,
        EventDestinationName="bus",
        EventDestination={
            "Enabled": True,
            "MatchingEventTypes": ["SEND"],
            "EventBridgeDestination": {"EventBusArn": bus},
        },
    )
    ses.send_email(**email(ConfigurationSetName=name))
    wait_until(lambda: emulator.control.ses()["events_waiting"] == 0)
    assert "Messages" not in clients("sqs").receive_message(QueueUrl=queue)


def test_events_do_not_name_the_operation(ses, feedback):
    """SES adds the tag ses:operation, too; AWS's example records, which the twin is held to, lack it."""
    ses.send_email(**email(ConfigurationSetName=feedback.configuration_set))
    assert "ses:operation" not in feedback.event("Send", 2)["mail"]["tags"]


def test_default_configuration_set_of_an_identity_is_not_used(emulator, ses, feedback):
    """https://docs.aws.amazon.com/ses/latest/dg/managing-configuration-sets.html."""
    ses.create_email_identity(EmailIdentity="shop.example", ConfigurationSetName=feedback.configuration_set)
    ses.send_email(**email())
    ses.delete_email_identity(EmailIdentity="shop.example")
    assert emulator.control.accepted()[0]["configuration_set"] == ""
