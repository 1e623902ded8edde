from __future__ import annotations

import itertools

import pytest

from anyvideo import AttemptState
from anyvideo.types.states import TERMINAL, TRANSITIONS, allowed


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_terminal_states_are_never_left(state: AttemptState) -> None:
    assert not any(allowed(state, after) for after in AttemptState)


def test_every_state_is_reachable_and_every_open_one_can_end() -> None:
    assert set(TRANSITIONS) == set(AttemptState)
    reached = {AttemptState.CREATED}
    while more := {after for state in reached for after in TRANSITIONS[state]} - reached:
        reached |= more
    assert reached == set(AttemptState)
    for state in AttemptState:
        seen = {state}
        while more := {after for known in seen for after in TRANSITIONS[known]} - seen:
            seen |= more
        assert seen & TERMINAL


def test_what_was_paid_for_is_never_sent_again() -> None:
    sent = {AttemptState.ACCEPTED, AttemptState.RUNNING, AttemptState.OUTPUT_READY, AttemptState.DOWNLOADING}
    for state, after in itertools.product(sent, (AttemptState.HELD, AttemptState.SENDING)):
        assert not allowed(state, after)
