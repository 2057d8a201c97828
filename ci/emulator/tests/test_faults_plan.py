"""Which calls a fault breaks."""

import pytest

from ci.emulator.faults import BadFaultError, FaultPlan

SEND = "ses:SendEmail"


def plan_of(*faults, seed=0):
    plan = FaultPlan()
    plan.replace(faults, seed)
    return plan


def fault(**changes):
    return {"name": "fault", "operation": SEND, "effect": "throttle"} | changes


def hits(plan, count, operation=SEND, caller="", content=""):
    """The numbers, from 1, of the calls that break."""
    return [number for number in range(1, count + 1) if plan.decide(operation, caller, content)]


def counters(plan):
    return [(one["name"], one["seen"], one["hits"]) for one in plan.as_json()["faults"]]


def test_every_call_breaks_when_nothing_else_is_said():
    plan = plan_of(fault())
    assert hits(plan, 3) == [1, 2, 3]
    assert counters(plan) == [("fault", 3, 3)]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        ({"calls": [2, 5]}, [2, 5]),
        ({"calls": 3}, [3]),
        ({"every": 3}, [3, 6, 9]),
        ({"every": 3, "limit": 2}, [3, 6]),
        ({"limit": 2}, [1, 2]),
        ({"probability": 1.0}, list(range(1, 11))),
        ({"probability": 0.0}, []),
    ],
)
def test_chosen_calls_break_and_no_others(choice, expected):
    assert hits(plan_of(fault(**choice)), 10) == expected


@pytest.mark.parametrize(
    ("operation", "asked", "breaks"),
    [
        (SEND, SEND, True),
        (SEND, "ses:GetAccount", False),
        ("kms:*", "kms:Decrypt", True),
        ("*", SEND, True),
        ("dynamodb:*Item", "dynamodb:Query", False),
    ],
)
def test_operation_may_be_a_pattern(operation, asked, breaks):
    assert bool(hits(plan_of(fault(operation=operation)), 1, operation=asked)) is breaks


def test_only_calls_with_the_right_content_count_as_seen():
    plan = plan_of(fault(match=["UpdateItem", "SENDING"], unless="SENT"))
    for content in ("UpdateItem SENDING", "UpdateItem", "UpdateItem SENDING SENT"):
        plan.decide(SEND, "", content)
    assert counters(plan) == [("fault", 1, 1)]


def test_fault_breaks_the_calls_of_the_messages_that_it_names():
    plan = plan_of(fault(match="UpdateItem", match_any=["order-1", "order-2"]))
    contents = ("UpdateItem order-1", "UpdateItem order-2", "UpdateItem order-3", "GetItem order-1")
    assert [bool(plan.decide(SEND, "", content)) for content in contents] == [True, True, False, False]
    assert counters(plan) == [("fault", 2, 2)]


def test_only_calls_of_the_named_function_count_as_seen():
    plan = plan_of(fault(caller="send-email"))
    assert hits(plan, 1, caller="track-delivery") == []
    assert hits(plan, 1, caller="send-email") == [1]
    assert counters(plan) == [("fault", 1, 1)]


def test_kill_does_not_count_calls_that_no_function_makes():
    plan = plan_of(fault(effect="kill"))
    assert hits(plan, 1) == []
    assert hits(plan, 1, caller="send-email") == [1]
    assert counters(plan) == [("fault", 1, 1)]


def test_first_fault_that_fires_breaks_the_call_and_the_others_still_count_it():
    plan = plan_of(fault(name="first", calls=[1]), fault(name="second", calls=[1, 2]))
    assert [plan.decide(SEND, "", "").fault.name for _ in range(2)] == ["first", "second"]
    assert counters(plan) == [("first", 2, 1), ("second", 2, 1)]


def test_chance_is_repeatable_and_each_faults_own():
    one, other = fault(name="one", probability=0.3), fault(name="other", probability=0.3)
    alone = hits(plan_of(one, seed=5), 200)
    assert hits(plan_of(one, seed=5), 200) == alone
    assert hits(plan_of(one, seed=6), 200) != alone
    assert 30 < len(alone) < 90
    # What another fault does before it doesn't change which calls it chooses.
    both = plan_of(fault(name="other", every=2), one, seed=5)
    chosen = [(number, hit.fault.name) for number in range(1, 201) if (hit := both.decide(SEND, "", ""))]
    assert [number for number, name in chosen if name == "one"] == [number for number in alone if number % 2]
    assert hits(plan_of(other, seed=5), 200) != alone


def test_seconds_are_drawn_from_their_range_and_repeatable():
    def durations():
        plan = plan_of(fault(effect="delay", seconds=[1, 3]), seed=9)
        return [plan.decide(SEND, "", "").seconds for _ in range(20)]

    drawn = durations()
    assert drawn == durations()
    assert all(1 <= seconds <= 3 for seconds in drawn)
    assert len(set(drawn)) > 1


def test_fault_counts_nothing_while_it_is_off():
    plan = plan_of(fault(calls=[2]))
    plan.switch("fault", enabled=False)
    assert hits(plan, 5) == []
    plan.switch("fault", enabled=True)
    assert hits(plan, 2) == [2]


def test_replacing_faults_puts_counters_back_to_zero():
    plan = plan_of(fault())
    hits(plan, 3)
    plan.replace([fault()], 0)
    assert counters(plan) == [("fault", 0, 0)]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"name": "f", "operation": SEND}, "needs effect"),
        (fault(colour="red"), "has no colour"),
        (fault(effect="explode"), "can't explode"),
        (
            fault(operation="ses:PublishEvent", effect="throttle"),
            "can't throttle, but it can delay, duplicate, lose",
        ),
        (fault(phase="during"), "before or after, not during"),
        (fault(effect="error"), "needs a code and a status"),
        (fault(operation="timer", effect="kill"), "needs a caller to kill and seconds"),
    ],
)
def test_fault_that_makes_no_sense_is_refused_and_the_others_stay(bad, message):
    plan = plan_of(fault(name="good"))
    with pytest.raises(BadFaultError, match=message):
        plan.replace([bad], 0)
    assert counters(plan) == [("good", 0, 0)]


def test_two_faults_may_not_share_a_name():
    with pytest.raises(BadFaultError, match="Two faults are called fault"):
        plan_of(fault(), fault())
