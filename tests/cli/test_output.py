"""Where a clip is saved: never into a folder, never over somebody's file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from anyvideo.cli.output import Target, sheet_path
from anyvideo.media.names import slug
from anyvideo.types.errors import InvalidRequest
from anyvideo.types.job import Job, MediaInfo
from anyvideo.types.money import Cost, CostBasis
from anyvideo.types.request import VideoRequest
from anyvideo.types.video import Video

from .test_documents import JOB


@pytest.fixture
def video(tmp_path: Path) -> Video:
    info = MediaInfo(
        duration=1.0,
        fps=24.0,
        width=64,
        height=64,
        codec="h264",
        audio=False,
        bytes=4,
        sha256="00",
        faststart=True,
    )
    (tmp_path / "kept.mp4").write_bytes(b"clip")
    cost = Cost(micros=0, basis=CostBasis.COMPUTED)
    return Video(
        job_id="job_1",
        path=tmp_path / "kept.mp4",
        info=info,
        model="a/b",
        cost=cost,
        attempts=(),
        adjustments=(),
    )


def asked(prompt: str) -> Job:
    return replace(JOB, id="job_1", request=VideoRequest(prompt=prompt))


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        (
            "a red fox crosses a frozen lake at dawn, slow dolly-in",
            "a-red-fox-crosses-a-frozen-lake-at-dawn-slow",
        ),
        ("Fox!!  (v2)", "fox-v2"),
        ("../../etc/passwd", "etc-passwd"),
        ("x" * 300, "x" * 48),
        ("雪の中の狐", ""),
        (None, ""),
    ],
)
def test_a_prompt_becomes_a_short_plain_file_name(prompt: str | None, name: str) -> None:
    assert slug(prompt) == name


def test_the_default_name_is_the_prompt_or_the_job(
    video: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Target.of(None).save(video, asked("a fox")) == Path("a-fox.mp4")
    assert Target.of(None).save(video, asked("狐")) == Path("job_1.mp4")


@pytest.mark.parametrize("taken", ["a-fox.mp4", "a-fox.sheet.png"])
def test_a_taken_default_name_gives_way(
    video: Video, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(taken).write_text("somebody's")
    assert Target.of(None).save(video, asked("a fox")) == Path("a-fox-2.mp4")


def test_a_sheet_never_takes_the_name_of_the_picture_the_clip_was_made_of(tmp_path: Path) -> None:
    assert sheet_path(tmp_path / "lake.mp4") != tmp_path / "lake.png"


def test_a_folder_is_no_output(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Target.of(tmp_path)
    assert caught.value.field == "output"


def test_an_output_in_no_folder_is_refused_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest) as caught:
        Target.of(tmp_path / "nowhere" / "fox.mp4")
    assert caught.value.field == "output"
    assert caught.value.hint == f"mkdir -p {tmp_path / 'nowhere'}"
