"""Single pictures out of a clip."""

from __future__ import annotations

import io
import os
from pathlib import Path

from anyvideo.types.errors import MediaError, MissingExtra


def last_frame(video_path: str | os.PathLike[str]) -> bytes:
    """The last picture of an MP4 as PNG, upright: what a clip that goes on from there should start with.

    Raises `MediaError` when nothing can be decoded, `MissingExtra` without PyAV or Pillow, `OSError`.
    """
    try:
        import av
        import PIL.Image  # noqa: F401 - to_image needs it
        from av.error import FFmpegError
    except ImportError as error:
        raise MissingExtra("media", "taking a frame from a clip") from error
    path, last = Path(video_path), None
    try:
        with path.open("rb") as file, av.open(file, "r", format="mp4") as container:
            stream = container.streams.video[0]
            if stream.duration:
                container.seek(max(0, stream.duration - 1), stream=stream)
            for last in container.decode(stream):  # noqa: B007 - the last one is what is wanted
                pass
            if last is None:
                raise MediaError(f"{path.name} holds no frame that can be decoded")
            picture = last.to_image()  # type: ignore[no-untyped-call]
            upright = picture.rotate(last.rotation, expand=True) if last.rotation else picture
    except (FFmpegError, IndexError) as error:
        raise MediaError(f"could not decode {path.name}: {error}") from error
    content = io.BytesIO()
    upright.save(content, "PNG")
    return content.getvalue()
