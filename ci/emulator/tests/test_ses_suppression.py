"""The account's suppression list.

https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html
"""

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from ci.emulator.tests.ses_feedback import email, types_of

ADA = "ada@example.com"


def suppressed(ses, **filters):
    return [
        entry["EmailAddress"]
        for entry in ses.list_suppressed_destinations(**filters)["SuppressedDestinationSummaries"]
    ]


def bounce_of(event):
    return event["bounce"]["bounceType"], event["bounce"]["bounceSubType"]


def test_address_is_put_shown_listed_and_deleted(ses):
    ses.put_suppressed_destination(EmailAddress=ADA, Reason="BOUNCE")
    ses.put_suppressed_destination(EmailAddress="bob+1@example.com", Reason="COMPLAINT")
    entry = ses.get_suppressed_destination(EmailAddress="bob+1@example.com")["SuppressedDestination"]
    assert (entry["EmailAddress"], entry["Reason"]) == ("bob+1@example.com", "COMPLAINT")
    assert "Attributes" not in entry
    assert suppressed(ses) == ["bob+1@example.com", ADA]
    assert suppressed(ses, Reasons=["BOUNCE"]) == [ADA]
    ses.delete_suppressed_destination(EmailAddress=ADA)
    assert suppressed(ses) == ["bob+1@example.com"]


def test_list_comes_in_pages(ses):
    for number in range(3):
        ses.put_suppressed_destination(EmailAddress=f"ada{number}@example.com", Reason="BOUNCE")
    first = ses.list_suppressed_destinations(PageSize=2)
    second = ses.list_suppressed_destinations(PageSize=2, NextToken=first["NextToken"])
    pages = [page["SuppressedDestinationSummaries"] for page in (first, second)]
    assert [[entry["EmailAddress"] for entry in page] for page in pages] == [
        ["ada2@example.com", "ada1@example.com"],
        ["ada0@example.com"],
    ]
    assert "NextToken" not in second


@pytest.mark.parametrize("operation", ["get_suppressed_destination", "delete_suppressed_destination"])
def test_unlisted_address_is_not_found(ses, operation):
    with pytest.raises(ses.exceptions.NotFoundException, match="does not exist on your suppression list"):
        getattr(ses, operation)(EmailAddress=ADA)


def test_message_to_an_address_listed_for_a_bounce_is_accepted_and_bounces(emulator, ses, feedback):
    ses.put_suppressed_destination(EmailAddress=ADA, Reason="BOUNCE")
    ses.send_email(**email("Ada@Example.com", ConfigurationSetName=feedback.configuration_set))
    [send, bounce] = feedback.events(2)
    assert types_of([send, bounce]) == ["Send", "Bounce"]
    assert bounce_of(bounce) == ("Permanent", "OnAccountSuppressionList")
    assert len(emulator.control.accepted()) == 1
    assert ses.get_account()["SendQuota"]["SentLast24Hours"] == 1


def test_message_to_an_address_listed_for_a_complaint_is_accepted_and_complained_of(ses, feedback):
    ses.put_suppressed_destination(EmailAddress=ADA, Reason="COMPLAINT")
    ses.send_email(**email(ADA, ConfigurationSetName=feedback.configuration_set))
    complaint = feedback.event("Complaint", 2)["complaint"]
    assert complaint["complaintSubType"] == "OnAccountSuppressionList"
    assert "complaintFeedbackType" not in complaint


def test_address_is_listed_after_a_hard_bounce_and_a_complaint(emulator, ses, feedback):
    emulator.control.set_ses(
        outcomes={
            "gone@*": [{"event": "Bounce", "type": "Permanent", "subtype": "NoEmail"}],
            "angry@*": [{"event": "Delivery"}, {"event": "Complaint", "type": "abuse"}],
            "full@*": [{"event": "Bounce", "type": "Transient", "subtype": "MailboxFull"}],
            "happy@*": [{"event": "Delivery"}, {"event": "Complaint", "type": "not-spam"}],
        }
    )
    for name in ("gone", "angry", "full", "happy"):
        ses.send_email(**email(f"{name}@example.com", ConfigurationSetName=feedback.configuration_set))
    assert suppressed(ses, Reasons=["BOUNCE"]) == ["gone@example.com"]
    assert suppressed(ses, Reasons=["COMPLAINT"]) == ["angry@example.com"]
    [bounce] = [
        event for event in feedback.events(10) if event.get("bounce", {}).get("bounceSubType") == "NoEmail"
    ]
    entry = ses.get_suppressed_destination(EmailAddress="gone@example.com")["SuppressedDestination"]
    assert entry["Attributes"] == {
        "MessageId": bounce["mail"]["messageId"],
        "FeedbackId": bounce["bounce"]["feedbackId"],
    }


def test_simulator_addresses_are_never_listed(ses, feedback):
    """https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html."""
    for name in ("bounce", "complaint"):
        address = f"{name}@simulator.amazonses.com"
        ses.send_email(**email(address, ConfigurationSetName=feedback.configuration_set))
    assert types_of(feedback.events(5)) == ["Send", "Bounce", "Send", "Delivery", "Complaint"]
    assert suppressed(ses) == []


def test_only_the_accounts_reasons_hold_messages_back_and_add_addresses(emulator, ses, feedback):
    """https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_PutAccountSuppressionAttributes.html."""
    hard_bounce = [{"event": "Bounce", "type": "Permanent", "subtype": "General"}]
    emulator.control.set_ses(outcomes={"gone@*": hard_bounce})
    ses.put_suppressed_destination(EmailAddress=ADA, Reason="BOUNCE")
    ses.put_account_suppression_attributes(SuppressedReasons=["COMPLAINT"])
    for to in (ADA, "gone@example.com"):
        ses.send_email(**email(to, ConfigurationSetName=feedback.configuration_set))
    assert types_of(feedback.events(4)) == ["Send", "Delivery", "Send", "Bounce"]
    assert suppressed(ses) == [ADA]
    assert ses.get_account()["SuppressionAttributes"]["SuppressedReasons"] == ["COMPLAINT"]


def test_unknown_reason_is_refused(clients, emulator):
    ses = clients("sesv2", config=Config(parameter_validation=False))
    with pytest.raises(ClientError, match="BadRequestException"):
        ses.put_account_suppression_attributes(SuppressedReasons=["SPITE"])


@pytest.mark.parametrize(
    ("reasons", "outcome"), [(["COMPLAINT"], "Delivery"), ([], "Delivery"), (["BOUNCE"], "Bounce")]
)
def test_configuration_set_overrides_the_accounts_reasons(ses, feedback, reasons, outcome):
    """https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list-config-level.html."""
    name = feedback.configuration_set
    ses.put_suppressed_destination(EmailAddress=ADA, Reason="BOUNCE")
    ses.put_configuration_set_suppression_options(ConfigurationSetName=name, SuppressedReasons=reasons)
    ses.send_email(**email(ADA, ConfigurationSetName=name))
    assert types_of(feedback.events(2)) == ["Send", outcome]


def test_global_list_holds_messages_back_for_an_account_without_a_list_of_its_own(emulator, ses, feedback):
    """https://docs.aws.amazon.com/ses/latest/dg/sending-email-global-suppression-list.html."""
    emulator.control.set_ses(global_suppression=[ADA], suppressed_reasons=[])
    ses.send_email(**email(ADA, ConfigurationSetName=feedback.configuration_set))
    assert bounce_of(feedback.event("Bounce", 2)) == ("Permanent", "Suppressed")


def test_accounts_own_list_overrides_the_global_list(emulator, ses, feedback):
    """https://docs.aws.amazon.com/ses/latest/dg/sending-email-suppression-list.html (first paragraph)."""
    emulator.control.set_ses(global_suppression=[ADA])
    ses.send_email(**email(ADA, ConfigurationSetName=feedback.configuration_set))
    assert types_of(feedback.events(2)) == ["Send", "Delivery"]
