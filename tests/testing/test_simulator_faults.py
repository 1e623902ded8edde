"""Fault orders: what is accepted, whom they strike, how often."""

from __future__ import annotations

import pytest

from anyvideo.testing.simulator import FAULTS, FaultError
from anyvideo.testing.simulator.faults import FaultBoard


@pytest.fixture
def board() -> FaultBoard:
    return FaultBoard(["echo", "other"])


def test_a_fault_strikes_as_often_as_ordered(board: FaultBoard) -> None:
    board.add("echo", "no_credit", times=2)
    struck = [board.take("echo", "e1", "create") is not None for _ in range(4)]
    assert struck == [True, True, False, False]
    assert board.listing()[0]["left"] == 0


def test_without_times_it_strikes_until_it_is_cleared(board: FaultBoard) -> None:
    board.add("echo", "stuck")
    assert all(board.take("echo", "e1", "job") for _ in range(50))
    board.clear()
    assert board.take("echo", "e1", "job") is None
    assert board.listing() == []


def test_it_strikes_only_its_provider_model_and_stage(board: FaultBoard) -> None:
    board.add("echo", "model_down", model="e1")
    assert board.take("other", "e1", "create") is None
    assert board.take("echo", "f1", "create") is None
    assert board.take("echo", None, "create") is None
    assert board.take("echo", "e1", "poll") is None
    assert board.take("echo", "e1-fast", "create") is not None


def test_clearing_one_provider_leaves_the_other(board: FaultBoard) -> None:
    board.add("echo", "stuck")
    board.add("other", "stuck")
    board.clear("echo")
    assert [order["provider"] for order in board.listing()] == ["other"]


def test_the_oldest_order_strikes_first(board: FaultBoard) -> None:
    board.add("echo", "no_credit", times=1)
    board.add("echo", "model_down", times=1)
    taken = [board.take("echo", "e1", "create") for _ in range(3)]
    assert [fault.name if fault else None for fault in taken] == ["no_credit", "model_down", None]


@pytest.mark.parametrize(
    ("order", "says"),
    [
        ({"provider": "nobody", "fault": "stuck"}, "echo, other"),
        ({"provider": "echo", "fault": "on_fire"}, "model_down"),
        ({"provider": "echo", "fault": "stuck", "model": 3}, "model"),
        ({"provider": "echo", "fault": "stuck", "times": 0}, "times"),
        ({"provider": "echo", "fault": "stuck", "times": True}, "times"),
        ({"provider": "echo", "fault": "stuck", "seconds": 3}, "no parameters"),
        ({"provider": "echo", "fault": "slow_answer", "second": 3}, "takes seconds"),
        ({"provider": "echo", "fault": "slow_answer", "seconds": "3"}, "number"),
        ({"provider": "echo", "fault": "slow_answer", "seconds": -3}, "number"),
        ({"provider": "echo", "fault": "failed", "transient": "yes"}, "transient"),
        ({"provider": "echo", "fault": "rate_limited", "on": "sometimes"}, "create, poll or all"),
        ({"provider": "echo", "fault": "error_500_after_accept", "status": 201}, "400 to 599"),
    ],
)
def test_an_order_that_cannot_be_filled_says_what_could(
    board: FaultBoard, order: dict[str, object], says: str
) -> None:
    with pytest.raises(FaultError, match=says):
        board.add(**order)  # type: ignore[arg-type]
    assert board.listing() == []


def test_a_rate_limit_may_hide_its_wait(board: FaultBoard) -> None:
    assert board.add("echo", "rate_limited", retry_after=None).params == {"retry_after": None}


def test_every_fault_has_one_sentence_and_parameters_of_a_known_kind() -> None:
    kinds = {"number", "text", "flag", "create, poll or all", "number or null", "400 to 599"}
    for name, spec in FAULTS.items():
        assert spec.says.endswith("."), name
        assert set(spec.params.values()) <= kinds, name
