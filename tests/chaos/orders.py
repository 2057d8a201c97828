"""What a run publishes: valid orders, each one to three times, and malformed ones among them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.system import order

MALFORMED_SHARE = 0.02
COPIES = (1, 1, 2, 3)
DISTANCES = (0, 30, 10**6)
"""A copy comes right after its order (in the same batch), a few batches later, or at any time."""

MALFORMATIONS: tuple[Callable[[str], str], ...] = (
    lambda id_: f"not JSON: {id_}",
    lambda id_: json.dumps(order(id_, items=[])),
    lambda id_: json.dumps(order(id_, to="nowhere")),
    lambda id_: json.dumps(order(id_, type="no_such_type")),
)


@dataclass(frozen=True)
class Orders:
    """The orders of a run: message bodies by id.

    Parameters
    ----------
    messages
        All bodies in the order in which they are published.
    probes
        Published besides, while others are waited for. They are orders like all others.
    """

    valid: dict[str, str]
    malformed: dict[str, str]
    messages: list[str]
    probes: dict[str, str] = field(default_factory=dict)

    @property
    def all_valid(self) -> dict[str, str]:
        """Every order that gets an email."""
        return self.valid | self.probes

    def next_probe(self) -> str:
        """One more valid order."""
        id_ = f"{next(iter(self.valid))}-{len(self.probes)}"
        self.probes[id_] = json.dumps(order(id_))
        return self.probes[id_]


def plan(count: int, seed: int) -> Orders:
    """So many valid orders, and malformed ones besides."""
    rng = random.Random(f"{seed}/orders")
    run = f"{rng.randrange(16**6):06x}"
    valid = {(id_ := f"C-{run}-{n:05d}"): json.dumps(order(id_)) for n in range(count)}
    malformed = {
        (id_ := f"M-{run}-{n:05d}"): MALFORMATIONS[n % len(MALFORMATIONS)](id_)
        for n in range(max(len(MALFORMATIONS), int(count * MALFORMED_SHARE)))
    }
    placed = [(rng.random() * count, body) for body in malformed.values()]
    for body in valid.values():
        first = rng.random() * count
        copies = rng.choice(COPIES) - 1
        later = [min(first + rng.choice(DISTANCES) * rng.random(), count) for _ in range(copies)]
        placed += [(place, body) for place in (first, *later)]
    placed.sort(key=lambda one: one[0])
    return Orders(valid, malformed, [body for _, body in placed])
