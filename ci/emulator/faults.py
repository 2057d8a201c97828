"""Faults: which calls break, and how. Pure decisions; `fault_boundary` and `fault_hooks` carry them out.

README.md beside this file has the JSON.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

BOUNDARY_EFFECTS = frozenset({"throttle", "server_error", "error", "no_answer", "reset", "delay", "kill"})
# What happens inside AWS, without a call from outside: the effects that make sense there.
INTERNAL_EFFECTS = {
    "ses:PublishEvent": frozenset({"lose", "duplicate", "delay"}),
    "sns:DeliverToQueue": frozenset({"lose", "duplicate", "delay"}),
    "lambda:RunFunction": frozenset({"fail"}),
    "lambda:DeleteBatch": frozenset({"lose"}),
}
WORKER_TIMER = "timer"


class BadFaultError(ValueError):
    """A fault that can't be understood; the message says which and why."""


@dataclass(frozen=True)
class Fault:
    """One way to fail and the calls that it applies to.

    Parameters
    ----------
    name
        What its counters are read by.
    operation
        `service:Operation` as in IAM, with `*`; an internal operation; or `timer`.
    effect
        What happens to the call.
    phase
        `before` the service does anything, or `after` it has done its work; a call that it has refused
        doesn't count then.
    caller
        Only calls that this Lambda function makes (or that are made for it).
    match, match_any, unless
        Texts that are all, one of which is, or none of which is in the request's body.
    calls, every, probability
        Which of the calls that fit: by number (from 1), each n-th, or by chance; without any, all of them.
    limit
        The most hits; None means no end.
    enabled
        Off, it neither counts nor breaks calls.
    code, message, status
        The error to answer with.
    seconds
        Lowest and highest duration of a delay (chosen by the seed), or of the time between a timer's kills.
    """

    name: str
    operation: str
    effect: str
    phase: str = "before"
    caller: str = ""
    match: tuple[str, ...] = ()
    match_any: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    calls: tuple[int, ...] = ()
    every: int = 0
    probability: float | None = None
    limit: int | None = None
    enabled: bool = True
    code: str = ""
    message: str = ""
    status: int = 0
    seconds: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class Hit:
    """A fault that a call runs into, with the delay (seconds) drawn for this call."""

    fault: Fault
    seconds: float


@dataclass
class _Watched:
    fault: Fault
    given: Mapping[str, Any]
    chances: random.Random
    durations: random.Random
    seen: int = 0
    hits: int = 0
    enabled: bool = field(init=False)

    def __post_init__(self) -> None:
        self.enabled = self.fault.enabled

    def fires(self) -> bool:
        """Count one call that fits, and say whether it breaks."""
        self.seen += 1
        fault = self.fault
        chosen = (
            (self.seen in fault.calls if fault.calls else True)
            and (self.seen % fault.every == 0 if fault.every else True)
            and (self.chances.random() < fault.probability if fault.probability is not None else True)
        )
        return chosen and (fault.limit is None or self.hits < fault.limit)

    def hit(self) -> Hit:
        self.hits += 1
        return Hit(self.fault, self.durations.uniform(*self.fault.seconds))


class FaultPlan:
    """The faults in force and their counters. Safe to use from any thread.

    Faults are tried in the order given: the first that fires breaks the call; the others that fit still count
    it, so that the number of a call doesn't depend on its neighbours. Each fault draws from a sequence of its
    own, made of the seed and its name.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watched: list[_Watched] = []
        self.seed = 0

    def replace(self, faults: Iterable[Mapping[str, Any]], seed: int) -> None:
        """Put other faults in force, all counters at zero.

        Raises
        ------
        BadFaultError
            One of them can't be understood; then none is changed.
        """
        watched = [_watch(given, seed) for given in faults]
        names = [one.fault.name for one in watched]
        if twice := {name for name in names if names.count(name) > 1}:
            raise BadFaultError(
                f"Two faults are called {', '.join(sorted(twice))}: counters are read by name."
            )
        with self._lock:
            self.seed = seed
            self._watched = watched

    def switch(self, name: str, *, enabled: bool) -> None:
        """Turn one fault on or off; KeyError when there is none of this name."""
        with self._lock:
            next_of = {one.fault.name: one for one in self._watched}
            next_of[name].enabled = enabled

    def decide(self, operation: str, caller: str, content: str, phase: str | None = None) -> Hit | None:
        """Return the fault that this call runs into, if any, and count it.

        Parameters
        ----------
        operation
            `service:Operation`.
        caller
            Name of the Lambda function that calls, or ''.
        content
            The request's body, or what stands for it.
        phase
            Only faults of this phase; None: of both.
        """
        with self._lock:
            firing = [
                one
                for one in self._watched
                if one.enabled
                and phase in (None, one.fault.phase)
                and _fits(one.fault, operation, caller, content)
                and one.fires()
            ]
            return firing[0].hit() if firing else None

    def strike(self, name: str) -> bool:
        """Count one blow of a timer, and say whether it is struck."""
        with self._lock:
            for one in self._watched:
                if one.fault.name == name and one.enabled and one.fires():
                    one.hit()
                    return True
            return False

    def timers(self) -> list[Fault]:
        """Return the faults that strike by time instead of by call."""
        with self._lock:
            return [one.fault for one in self._watched if one.fault.operation == WORKER_TIMER]

    def is_empty(self) -> bool:
        """Whether no call can run into anything."""
        return not self._watched

    def as_json(self) -> dict[str, Any]:
        """Return the control API's form: the faults as given, with `enabled`, `seen` and `hits`."""
        with self._lock:
            return {
                "seed": self.seed,
                "faults": [
                    {**one.given, "enabled": one.enabled, "seen": one.seen, "hits": one.hits}
                    for one in self._watched
                ],
            }


plan = FaultPlan()


def _watch(given: Mapping[str, Any], seed: int) -> _Watched:
    fault = _parse(given)
    # Two sequences: whether an earlier fault takes a call from this one must not change what it chooses next.
    chances, durations = (random.Random(f"{seed}/{fault.name}/{of}") for of in ("chance", "duration"))  # noqa: S311
    return _Watched(fault, given, chances, durations)


def _fits(fault: Fault, operation: str, caller: str, content: str) -> bool:
    return (
        fnmatchcase(operation, fault.operation)
        and (not fault.caller or fault.caller == caller)
        # Only a function can be killed: a call from elsewhere doesn't count.
        and (fault.effect != "kill" or caller != "")
        and all(text in content for text in fault.match)
        and (not fault.match_any or any(text in content for text in fault.match_any))
        and not any(text in content for text in fault.unless)
    )


def _parse(given: Mapping[str, Any]) -> Fault:
    known = {one.name for one in fields(Fault)}
    if unknown := sorted(set(given) - known):
        raise BadFaultError(f"A fault has no {', '.join(unknown)}. It has: {', '.join(sorted(known))}.")
    if missing := sorted({"name", "operation", "effect"} - set(given)):
        raise BadFaultError(f"A fault needs {', '.join(missing)}.")
    values = dict(given)
    for name in ("match", "match_any", "unless", "calls"):
        value = values.get(name, ())
        values[name] = tuple(value) if isinstance(value, list | tuple) else (value,)
    seconds = values.get("seconds", 0.0)
    values["seconds"] = tuple(seconds) if isinstance(seconds, list | tuple) else (seconds, seconds)
    fault = Fault(**values)
    _check(fault)
    return fault


def _check(fault: Fault) -> None:
    if fault.operation == WORKER_TIMER:
        possible, wanted = frozenset({"kill"}), fault.caller and fault.seconds[1] > 0
    else:
        possible, wanted = INTERNAL_EFFECTS.get(fault.operation, BOUNDARY_EFFECTS), True
    if fault.effect not in possible:
        raise BadFaultError(
            f"Fault {fault.name}: {fault.operation} can't {fault.effect}, "
            f"but it can {', '.join(sorted(possible))}."
        )
    if not wanted:
        raise BadFaultError(f"Fault {fault.name}: a timer needs a caller to kill and seconds between kills.")
    if fault.phase not in ("before", "after"):
        raise BadFaultError(f"Fault {fault.name}: the phase is before or after, not {fault.phase}.")
    if fault.effect == "error" and not (fault.code and fault.status):
        raise BadFaultError(f"Fault {fault.name}: an error needs a code and a status.")
