"""A provider that breaks one rule fails the suite, and the failure names the rule.

`nox -s mutations` runs all of them; the ordinary tests run a sample with a printed seed.
"""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import pytest

from anyvideo.cli.scaffold import rendered
from anyvideo.testing.conformance.rules import RULES

from . import mutations, mutations_webhooks
from .breaking import Mutation, broken_copy, edit, run_suite
from .mutations_webhooks import receiving

SAMPLE = 3
SEED = (
    os.environ.get("MUTATIONS_SEED")
    or os.environ.get("PYTEST_XDIST_TESTRUNUID", "")[:8]  # the same in every worker of a run
    or f"{random.randrange(10**6)}"
)
MUTATIONS = (*mutations.MUTATIONS, *mutations_webhooks.MUTATIONS)
WANTED = MUTATIONS if os.environ.get("MUTATIONS") == "all" else random.Random(SEED).sample(MUTATIONS, SAMPLE)


@pytest.mark.slow
@pytest.mark.parametrize("mutation", WANTED, ids=lambda mutation: mutation.name)
def test_a_broken_rule_is_caught_and_named(mutation: Mutation, tmp_path: Path) -> None:
    print(f"MUTATIONS_SEED={SEED}")  # noqa: T201 - shown with a failure
    plugin = rendered("acme")
    broken_copy(receiving(plugin) if mutation in mutations_webhooks.MUTATIONS else plugin, mutation, tmp_path)
    code, output = run_suite(tmp_path)
    assert code == 1, f"{mutation.name} was not caught:\n{output}"
    named = set(re.findall(r"rule: docs/providers\.md#([\w-]+): ", output))
    assert output.count("    rule: ") >= output.count("\nFAILED "), f"a failure without advice:\n{output}"
    assert named & set(mutation.rules), f"{mutation.name} broke {mutation.rules}; named: {named}\n{output}"


@pytest.mark.slow
def test_a_provider_that_receives_webhooks_as_it_should_passes(tmp_path: Path) -> None:
    broken_copy(receiving(rendered("acme")), edit("nothing", "", "", ""), tmp_path)
    code, output = run_suite(tmp_path)
    assert code == 0, output


def test_every_mutation_breaks_rules_that_exist() -> None:
    assert {rule for mutation in MUTATIONS for rule in mutation.rules} <= RULES.keys()
