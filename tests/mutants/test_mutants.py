"""The judge of the tests: what it calls killed was noticed, and it never touches the working tree."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.mutants.mutations import MUTATIONS, TESTS
from tests.mutants.trial import FUNCTIONS, Fate, Mutation, MutationError, run

MODULE = "notifications/keys.py"
KEYS_TESTS = {MODULE: ["tests/unit/test_keys.py"]}
ORIGINAL = "ORDER_KEY_LENGTH = 32"


def test_names_are_unique_and_each_text_occurs_once() -> None:
    assert [name for name, times in Counter(one.name for one in MUTATIONS).items() if times > 1] == []
    assert {one.module for one in MUTATIONS} <= TESTS.keys()
    for mutation in MUTATIONS:
        source = (FUNCTIONS / mutation.module).read_text(encoding="utf-8")
        assert source.count(mutation.original) == 1, mutation.name
        compile(source.replace(mutation.original, mutation.mutated), mutation.name, "exec")


def test_mutant_is_killed_by_a_failing_test_and_survives_if_none_fails() -> None:
    before = (FUNCTIONS / MODULE).read_bytes()
    broken = Mutation("keys are empty", MODULE, ORIGINAL, "ORDER_KEY_LENGTH = 0")
    equivalent = Mutation("the same in other words", MODULE, ORIGINAL, "ORDER_KEY_LENGTH = 4 * 8")
    killed, survived = run([broken, equivalent], KEYS_TESTS)
    assert (killed.fate, killed.killed_by != "") == (Fate.KILLED, True)
    assert (survived.fate, survived.killed_by) == (Fate.SURVIVED, "")
    assert (FUNCTIONS / MODULE).read_bytes() == before


def test_mutation_whose_text_is_not_found_is_an_error() -> None:
    with pytest.raises(MutationError, match="'gone': its text occurs 0 times"):
        list(run([Mutation("gone", MODULE, "no such text", "")], KEYS_TESTS))


def test_mutant_that_cannot_be_imported_is_no_kill() -> None:
    with pytest.raises(MutationError, match="'unreadable': pytest ended with"):
        list(run([Mutation("unreadable", MODULE, ORIGINAL, "ORDER_KEY_LENGTH =")], KEYS_TESTS))
