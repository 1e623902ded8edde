"""Exit codes, and what an error says to people and to scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import typer

from anyvideo.cli.errors import EXIT_CODES, MEANINGS, ExitCode, exit_code, failed, interrupted, stopped
from anyvideo.types import errors
from anyvideo.types.batch import BatchResult, ClipResult
from anyvideo.types.errors import AnyVideoError, InvalidRequest, MissingExtra
from anyvideo.types.states import JobStatus

from .test_documents import JOB


def all_errors(cls: type[AnyVideoError] = AnyVideoError) -> Iterator[type[AnyVideoError]]:
    for child in cls.__subclasses__():
        yield child
        yield from all_errors(child)


def made(cls: type[AnyVideoError]) -> AnyVideoError:
    if cls is MissingExtra:
        return MissingExtra("media", "a contact sheet")
    if issubclass(cls, errors.AllModelsFailed):
        return cls("all failed", [errors.GenerationFailed("it broke")], job_id="job_1")
    if issubclass(cls, errors.JobError):
        return cls("stopped", job_id="job_1")
    return cls("it went wrong")


PUBLISHED = {
    "InvalidRequest": 2,
    "UnknownModel": 2,
    "JobNotFound": 2,
    "MissingKey": 2,
    "MissingExtra": 2,
    "PluginError": 2,
    "StoreError": 2,
    "NoModelFits": 3,
    "AllModelsFailed": 4,
    "BudgetExceeded": 5,
    "OutcomeUnknown": 6,
    "StillRunning": 7,
}


@pytest.mark.parametrize(("name", "code"), PUBLISHED.items())
def test_each_end_has_the_published_exit_code(name: str, code: int) -> None:
    assert exit_code(made(getattr(errors, name))) == code


@pytest.mark.parametrize("cls", [AnyVideoError, *all_errors()], ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("as_json", [False, True], ids=["words", "json"])
def test_every_error_can_be_shown(
    cls: type[AnyVideoError], as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    error = made(cls)
    end = failed(error, as_json=as_json)
    shown = capsys.readouterr()
    assert isinstance(end, typer.Exit)
    assert end.exit_code in set(MEANINGS) - {ExitCode.DONE}
    if as_json:
        assert json.loads(shown.out)["error"]["type"] == cls.__name__
        assert shown.err == ""
    else:
        assert shown.out == ""
        assert error.message in shown.err
        assert "Traceback" not in shown.err


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["BudgetExceeded"], 5),
        (["BudgetExceeded", "BudgetExceeded"], 5),
        (["OutcomeUnknown"], 6),
        (["StillRunning"], 7),
        (["NoModelFits"], 3),
        (["AllModelsFailed"], 4),
        (["BudgetExceeded", "OutcomeUnknown"], 4),
        (["StillRunning", "AllModelsFailed"], 4),
        (["StoreError"], 4),
        ([], 4),
    ],
)
def test_a_failed_batch_has_the_code_that_all_its_failed_clips_have(names: list[str], code: int) -> None:
    clips = [ClipResult(index=place, error=made(getattr(errors, name))) for place, name in enumerate(names)]
    result = BatchResult(id="b", clips=(*clips, ClipResult(index=9)), wall_time=1.0)
    assert exit_code(errors.BatchFailed("too few", result=result)) == code


def test_a_clip_that_failed_with_somebody_elses_error_is_a_failure() -> None:
    result = BatchResult(id="b", clips=(ClipResult(index=0, error=KeyError("x")),), wall_time=1.0)
    assert exit_code(errors.BatchFailed("too few", result=result)) == 4


def test_no_exit_code_is_listed_behind_one_that_hides_it() -> None:
    seen: list[type[AnyVideoError]] = []
    for cls, _ in EXIT_CODES:
        assert not any(issubclass(cls, earlier) for earlier in seen), cls
        seen.append(cls)


def test_a_missing_extra_is_one_sentence_with_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    failed(MissingExtra("media", "drawing a contact sheet"), as_json=False)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error")
    assert line.endswith("drawing a contact sheet needs the extra 'media' (pip install \"anyvideo[media]\")")


def test_the_field_is_named_even_where_the_message_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    failed(InvalidRequest("a whole number is needed", field="seed"), as_json=False)
    assert "seed" in capsys.readouterr().err


@pytest.mark.parametrize("as_json", [False, True], ids=["words", "json"])
def test_an_interrupt_tells_how_to_go_on(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    end = failed(interrupted("job_1"), as_json=as_json)
    shown = "".join(capsys.readouterr())
    assert end.exit_code == 130
    assert "anyvideo resume job_1" in shown
    assert "anyvideo cancel job_1" in shown


@pytest.mark.parametrize(
    ("status", "said", "hinted"),
    [
        (JobStatus.CANCELED, "is canceled and cost 0.25 USD (computed)", False),
        (JobStatus.SUCCEEDED, "ended before the cancel: it succeeded and cost 0.25 USD (computed)", True),
        (JobStatus.FAILED, "ended before the cancel: it failed and cost 0.25 USD (computed)", False),
        (JobStatus.UNKNOWN, "is unknown, not canceled", True),
    ],
)
def test_a_cancel_tells_what_it_came_to(status: JobStatus, said: str, hinted: bool) -> None:
    error = stopped(replace(JOB, status=status))
    assert exit_code(error) == 130
    assert error.message == f"interrupted; job job_1 {said}"
    assert (error.hint is not None) == hinted


def test_an_interrupt_before_the_job_was_recorded_says_that_nothing_was_bought(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert failed(interrupted(None), as_json=False).exit_code == 130
    shown = capsys.readouterr().err
    assert "nothing was bought" in shown
    assert "resume" not in shown
