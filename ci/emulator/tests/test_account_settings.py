"""What an account tells of itself: SES identities and plan, cost allocation tags."""

import uuid

import pytest
from botocore.exceptions import ClientError


def test_verified_identity_is_described_as_of_a_well_kept_domain(ses):
    identity = ses.get_email_identity(EmailIdentity="shop.example")

    assert identity["IdentityType"] == "DOMAIN"
    assert identity["VerifiedForSendingStatus"]
    assert (identity["DkimAttributes"]["SigningEnabled"], identity["DkimAttributes"]["Status"]) == (
        True,
        "SUCCESS",
    )
    assert identity["MailFromAttributes"]["MailFromDomainStatus"] == "SUCCESS"


def test_identity_has_the_details_that_settings_give_it(emulator, ses):
    emulator.control.set_ses(
        verified_identities=["other.example"],
        identity_details={"shop.example": {"DkimAttributes": {"SigningEnabled": False}}},
        mail_from_failed_domains=["shop.example"],
    )

    identity = ses.get_email_identity(EmailIdentity="shop.example")

    assert not identity["VerifiedForSendingStatus"]
    assert identity["VerificationStatus"] == "PENDING"
    assert identity["DkimAttributes"]["SigningEnabled"] is False
    assert identity["DkimAttributes"]["Tokens"]
    assert identity["MailFromAttributes"]["MailFromDomainStatus"] == "FAILED"
    assert identity["MailFromAttributes"]["BehaviorOnMxFailure"] == "REJECT_MESSAGE"


def test_address_is_an_identity_too(ses):
    assert ses.get_email_identity(EmailIdentity="ada@shop.example")["IdentityType"] == "EMAIL_ADDRESS"


def test_unknown_identity_is_not_found(emulator, ses):
    emulator.control.set_ses(verified_identities=["other.example"])
    with pytest.raises(ClientError) as refused:
        ses.get_email_identity(EmailIdentity="shop.example")
    assert refused.value.response["Error"]["Code"] == "NotFoundException"


def test_account_tells_its_plan_which_can_be_changed(ses):
    assert ses.get_account()["PricingAttributes"]["CurrentPlan"] == "ESSENTIALS"
    ses.put_account_pricing_attributes(Plan="NONE")
    assert ses.get_account()["PricingAttributes"]["CurrentPlan"] == "NONE"


def test_cost_allocation_tag_is_listed_with_its_status(clients):
    client, key = clients("ce"), f"Service-{uuid.uuid4().hex}"
    assert client.list_cost_allocation_tags(TagKeys=[key])["CostAllocationTags"] == []

    client.update_cost_allocation_tags_status(
        CostAllocationTagsStatus=[
            {"TagKey": key, "Status": "Active"},
            {"TagKey": "Other", "Status": "Inactive"},
        ]
    )

    [tag] = client.list_cost_allocation_tags(TagKeys=[key])["CostAllocationTags"]
    assert (tag["TagKey"], tag["Type"], tag["Status"]) == (key, "UserDefined", "Active")
    inactive = client.list_cost_allocation_tags(Status="Inactive")["CostAllocationTags"]
    assert key not in [tag["TagKey"] for tag in inactive]
    assert "Other" in [tag["TagKey"] for tag in inactive]
