"""File names are ours: whatever a word holds, the file lies below the folder and over no other."""

from __future__ import annotations

import itertools
import os
from pathlib import Path

import pytest

from anyvideo.media.names import check_template, named, place
from anyvideo.types.errors import InvalidRequest, MediaError

STEPS = ("..", "../..", "/etc", "~", "~root", "C:\\Windows", "\\\\host\\share", ".ssh", "-rf", "con")
ENDS = (
    "passwd", "cron.d/x", "x\x00.mp4", "x\n.mp4", "x\r", "NUL", "aux.mp4", "a" * 300, " ", "", ".", "$(id)",
    "`id`", "%2e%2e%2f", "..%c0%af", "\u202egpm.exe", "\uff0e\uff0e\uff0f", "клип", "🦊", "x;rm -rf",
)  # fmt: skip
HOSTILE = [f"{step}/{end}" for step, end in itertools.product(STEPS, ENDS)]


def everything(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if not path.is_dir()}


def test_200_hostile_names_stay_below_the_folder_and_overwrite_nothing(tmp_path: Path) -> None:
    assert len(set(HOSTILE)) == 200
    root, source = tmp_path / "deep" / "down" / "root", tmp_path / "source.mp4"
    source.write_bytes(b"clip")
    fence = everything(tmp_path)
    put = []
    for number, name in enumerate(HOSTILE):
        content = tmp_path / "source.mp4"
        content.unlink()
        content.write_bytes(f"clip {number}".encode())
        words = dict.fromkeys(("job_id", "model", "provider"), name)
        put.append(place(content, root, "{job_id}/{model}-{provider}.mp4", words))
        assert put[-1].read_bytes() == f"clip {number}".encode()
    assert len(set(put)) == 200, "two clips under one name"
    assert all(path.resolve().is_relative_to(root.resolve()) for path in put)
    assert everything(tmp_path) - set(put) == fence
    for number, path in enumerate(put):
        assert path.read_bytes() == f"clip {number}".encode(), "written over"
        assert all(
            part.isascii() and not part.startswith((".", "-")) for part in path.relative_to(root).parts
        )


@pytest.mark.parametrize(
    "template",
    [
        "/etc/passwd.mp4", "../{job_id}.mp4", "{job_id}/../../x.mp4", "./x.mp4", "a//b.mp4", "C:\\x.mp4",
        "a\\b.mp4", "~/x.mp4:stream.mp4", "{job_id}", "{job_id}.exe", "{job_id.__class__}.mp4",
        "{job_id!r}.mp4", "{job_id:>9999999}.mp4", "{0}.mp4", "{}.mp4", "{secret}.mp4", "{job_id.mp4",
        "x\n.mp4", "x\x00.mp4", "a" * 400 + ".mp4", "",
    ],
)  # fmt: skip
def test_a_template_that_could_lead_elsewhere_is_refused(template: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check_template(template)
    assert caught.value.field == "output"


def test_the_template_of_the_documents() -> None:
    path = named("{job_id}/clip_{index}.mp4", {"job_id": "job_1", "index": "3"})
    assert path == Path("job_1/clip_3.mp4")


def test_the_same_file_keeps_its_name_and_another_gets_a_number(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.write_bytes(b"one")
    other.write_bytes(b"other")
    root = tmp_path / "root"
    first = place(one, root, "clip.mp4", {})
    assert place(one, root, "clip.mp4", {}) == first
    second = place(other, root, "clip.mp4", {})
    assert (first.name, second.name) == ("clip.mp4", "clip-2.mp4")
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"other")


def test_symbolic_links_are_not_followed(tmp_path: Path) -> None:
    source, outside, root = tmp_path / "clip", tmp_path / "outside", tmp_path / "root"
    source.write_bytes(b"clip")
    outside.mkdir()
    root.mkdir()
    (root / "job").symlink_to(outside)
    with pytest.raises(MediaError, match="out of the output folder"):
        place(source, root, "job/clip.mp4", {})
    (root / "clip.mp4").symlink_to(outside / "planted.mp4")
    assert place(source, root, "clip.mp4", {}).name == "clip-2.mp4"
    assert list(outside.iterdir()) == []


def test_another_file_system_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "clip"
    source.write_bytes(b"clip")
    link = os.link

    def across(src: Path, dst: Path) -> None:
        if src == source:
            raise OSError(18, "Invalid cross-device link")
        link(src, dst)

    monkeypatch.setattr(os, "link", across)
    path = place(source, tmp_path / "root", "clip.mp4", {})
    assert path.read_bytes() == b"clip"
    assert [one.name for one in path.parent.iterdir()] == ["clip.mp4"]
    source.write_bytes(b"other")
    assert place(source, tmp_path / "root", "clip.mp4", {}).name == "clip-2.mp4"
