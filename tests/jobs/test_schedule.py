from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from anyvideo.jobs.schedule import MAX_SENDS, backoff, resend_wait


@given(st.integers(min_value=0, max_value=10_000))
def test_a_free_call_is_tried_again_within_twenty_seconds(trouble: int) -> None:
    assert 0 <= backoff(trouble) <= 20


def test_the_vendors_own_word_wins() -> None:
    assert resend_wait(1, 17.0) == 17.0


def test_without_a_word_each_wait_is_longer_than_the_one_before() -> None:
    waits = [resend_wait(sends, None) for sends in range(1, MAX_SENDS)]
    assert waits == sorted(set(waits))
    assert sum(waits) < 60
