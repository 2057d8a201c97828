"""When events come: late, twice, out of order, not at all, or held back.

SNS may deliver a message more than once, and standard topics don't keep the order:
https://docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html
"""

from collections import Counter

from ci.emulator.tests.ses_feedback import email, types_of, wait_until


def send(ses, feedback, *names):
    for name in names:
        ses.send_email(**email(f"{name}@example.com", ConfigurationSetName=feedback.configuration_set))


def recipients_of(events):
    return [event["mail"]["destination"][0].partition("@")[0] for event in events]


def test_events_are_held_until_they_are_released_and_then_come_in_order(emulator, ses, feedback):
    emulator.control.set_ses(events_held=True)
    send(ses, feedback, "ada", "bob")
    wait_until(lambda: emulator.control.ses()["events_waiting"] == 4)
    emulator.control.set_ses(events_held=False)
    events = feedback.events(4)
    assert types_of(events) == ["Send", "Delivery", "Send", "Delivery"]
    assert recipients_of(events) == ["ada", "ada", "bob", "bob"]


def test_events_of_one_region_go_on_while_those_of_another_are_held(emulator, ses, feedback):
    emulator.control.set_ses(region="eu-west-1", events_held=True)
    send(ses, feedback, "ada")
    assert types_of(feedback.events(2)) == ["Send", "Delivery"]


def test_event_delay_is_the_time_to_the_first_event(emulator, ses, feedback):
    emulator.control.set_ses(
        event_delay_seconds=3600,
        outcomes={
            "ada@*": [{"event": "Delivery"}, {"event": "Complaint", "type": "abuse", "after_seconds": 60}]
        },
    )
    send(ses, feedback, "ada")
    assert emulator.control.ses()["events_waiting"] == 3
    assert len(emulator.control.accepted()) == 1


def test_steps_of_an_outcome_come_at_their_times(emulator, ses, feedback):
    emulator.control.set_ses(outcomes={"ada@*": [{"event": "Delivery", "after_seconds": 0.3}]})
    destination = {"ToAddresses": ["ada@example.com", "bob@example.com"]}
    ses.send_email(**email(Destination=destination, ConfigurationSetName=feedback.configuration_set))
    [_, bobs, adas] = feedback.events(3)
    assert bobs["delivery"]["recipients"] == ["bob@example.com"]
    assert (adas["delivery"]["recipients"], adas["delivery"]["processingTimeMillis"]) == (
        ["ada@example.com"],
        300,
    )


def test_lost_event_never_comes(emulator, ses, feedback):
    lost = {
        "name": "lost",
        "operation": "ses:PublishEvent",
        "match": '"Send"',
        "calls": [2],
        "effect": "lose",
    }
    emulator.control.set_faults([lost])
    send(ses, feedback, "ada", "bob", "eve")
    events = feedback.events(5)
    assert types_of(events) == ["Send", "Delivery", "Delivery", "Send", "Delivery"]
    assert emulator.control.faults()[0]["hits"] == 1


def test_all_events_of_the_messages_that_a_fault_names_are_late_or_lost_and_no_others(
    emulator, ses, feedback
):
    ours = {"operation": "ses:PublishEvent"}
    late = {"name": "late", "match_any": ["ada@", "bob@"], "effect": "delay", "seconds": 0.5, **ours}
    lost = {"name": "lost", "match": "eve@", "effect": "lose", **ours}
    emulator.control.set_faults([late, lost])
    send(ses, feedback, "ada", "bob", "eve", "joe")
    assert recipients_of(feedback.events(6)) == ["joe", "joe", "ada", "ada", "bob", "bob"]
    assert [fault["hits"] for fault in emulator.control.faults()] == [4, 2]


def test_publication_of_each_event_is_known_and_that_lost_and_waiting_ones_were_not_published(
    emulator, ses, feedback
):
    emulator.control.set_faults(
        [{"name": "lost", "operation": "ses:PublishEvent", "match": ["ada@", '"Send"'], "effect": "lose"}]
    )
    send(ses, feedback, "ada")
    feedback.events(1)
    emulator.control.set_ses(events_held=True)
    send(ses, feedback, "bob")
    [ada, bob] = emulator.control.published_events()
    assert [one["event"] for one in ada["published"]] == ["Delivery"]
    assert ada["accepted_at"] <= ada["published"][0]["at"] <= bob["accepted_at"]
    assert bob["published"] == []
    assert [one["message_id"] for one in (ada, bob)] == [
        one["message_id"] for one in emulator.control.accepted()
    ]


def test_doubled_event_comes_twice(emulator, ses, feedback):
    twice = {"name": "twice", "operation": "ses:PublishEvent", "match": '"Delivery"', "effect": "duplicate"}
    emulator.control.set_faults([twice])
    send(ses, feedback, "ada", "bob")
    events = feedback.events(6)
    assert Counter(types_of(events)) == {"Send": 2, "Delivery": 4}
    assert emulator.control.faults()[0]["hits"] == 2


def test_delayed_event_is_overtaken(emulator, ses, feedback):
    late = {
        "name": "late",
        "operation": "ses:PublishEvent",
        "match": '"Send"',
        "effect": "delay",
        "seconds": 0.3,
    }
    emulator.control.set_faults([late])
    send(ses, feedback, "ada")
    assert types_of(feedback.events(2)) == ["Delivery", "Send"]


def test_lost_delivery_to_the_queue_never_comes(emulator, ses, feedback):
    lost = {
        "name": "lost",
        "operation": "sns:DeliverToQueue",
        "match": [feedback.queue_arn, '"eventType": "Send"'],
        "effect": "lose",
    }
    emulator.control.set_faults([lost])
    send(ses, feedback, "ada")
    assert types_of(feedback.events(1)) == ["Delivery"]


def test_deliveries_to_the_queue_may_be_late_or_doubled(emulator, ses, feedback):
    operation = {"operation": "sns:DeliverToQueue"}
    late = {**operation, "name": "late", "match": '"eventType": "Send"', "effect": "delay", "seconds": 3600}
    twice = {**operation, "name": "twice", "match": '"eventType": "Delivery"', "effect": "duplicate"}
    emulator.control.set_faults([late, twice])
    send(ses, feedback, "ada")
    assert types_of(feedback.events(2)) == ["Delivery", "Delivery"]


def test_many_held_events_all_come(emulator, ses, feedback):
    emulator.control.set_ses(events_held=True, max_send_rate=1000)
    send(ses, feedback, *(f"ada{number}" for number in range(60)))
    emulator.control.set_ses(events_held=False)
    assert Counter(types_of(feedback.events(120))) == {"Send": 60, "Delivery": 60}
