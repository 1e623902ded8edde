"""`anyvideo smoke`: one real clip from one provider, end to end, and a report to paste into an issue."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from anyvideo.cli import options as opt
from anyvideo.cli.console import emit, results
from anyvideo.cli.documents import (
    Document,
    amount,
    attempt_document,
    cost_document,
    error_document,
    info_document,
    quote_document,
)
from anyvideo.cli.errors import exit_code, failed, interrupted
from anyvideo.cli.progress import Watch
from anyvideo.cli.session import session_of
from anyvideo.types.errors import AnyVideoError, ConfigurationError, InvalidRequest
from anyvideo.types.events import EventKind
from anyvideo.types.money import parse_cap
from anyvideo.types.request import Task

if TYPE_CHECKING:
    from anyvideo.catalog.spec import ModelSpec
    from anyvideo.client import Client, ProviderInfo
    from anyvideo.types.events import Event
    from anyvideo.types.job import Job
    from anyvideo.types.plan import Candidate
    from anyvideo.types.video import Video

PROMPT: Final = "a red kite over a green hill"
TOLERANCE: Final = 2.0
"""Seconds by which a clip may be longer or shorter than ordered."""

NOT_AS_DECLARED: Final = 1
"""The exit code for a clip that came, and is not what the plugin declares."""

Provider = Annotated[str, typer.Option("--provider", metavar="NAME", help="The provider to try.")]
Cap = Annotated[str, typer.Option("--max-cost", metavar="DOLLARS", help="The most it may cost, like 0.10.")]
Wait = Annotated[float, typer.Option("--timeout", metavar="SECONDS", help="How long to wait for the clip.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The cheapest thing that the provider makes, and the arguments that ask for it."""

    candidate: Candidate
    wish: dict[str, Any] = field(repr=False)


@dataclass(slots=True, kw_only=True)
class Diary:
    """What a job told: the vendor's words in order, each with the seconds after which it came first."""

    watch: Watch
    started: float = field(default_factory=time.monotonic)
    words: dict[str, float] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        self.watch(event)
        if event.native:
            self.words.setdefault(event.native, self.seconds)
        if event.kind is EventKind.UNKNOWN_WORD and event.message not in self.unknown:
            self.unknown.append(str(event.message))
        if event.kind is EventKind.TROUBLE and event.message is not None:
            self.troubles.append(event.message)

    @property
    def seconds(self) -> float:
        """Since the start."""
        return round(time.monotonic() - self.started, 1)


def smoke(
    ctx: typer.Context, provider: Provider, max_cost: Cap, timeout: Wait = 900.0, as_json: opt.AsJson = False
) -> None:
    """Buy the cheapest clip that a provider makes, and report how it went."""
    opt.check_seconds(timeout=timeout)
    cap = parse_cap(max_cost, "max_cost")
    watch = Watch()
    diary = Diary(watch=watch)
    with session_of(ctx).client(diary) as client:
        info = _provider(client, provider)
        choice = _cheapest(client, provider, cap)
        video, error = _bought(client, choice, diary, max_cost=max_cost, timeout=timeout, as_json=as_json)
        job = client.job(watch.job_id) if watch.job_id else None
    document = _report(info, choice, diary, job, video) | _ending(job, video, error)
    document["ok"] = error is None and all(document["checks"].values())
    if as_json:
        emit(document)
    else:
        results().print(markdown(document), soft_wrap=True)
    if error is not None:
        raise typer.Exit(exit_code(error))
    if not document["ok"]:
        raise typer.Exit(NOT_AS_DECLARED)


def _provider(client: Client, name: str) -> ProviderInfo:
    for info in client.providers():
        if info.name == name:
            if not info.ready:
                raise ConfigurationError(
                    f"{name} cannot be tried: {info.problem or info.missing}", field="provider"
                )
            return info
    raise InvalidRequest(
        f"no installed provider is called {name!r}", field="provider", hint="anyvideo providers"
    )


def _cheapest(client: Client, provider: str, cap: int) -> Choice:
    """Raises InvalidRequest where nothing is within the cap."""
    choices = [
        choice for spec in client.models() if spec.provider == provider for choice in _choices(client, spec)
    ]
    if not choices:
        raise InvalidRequest(f"{provider} has no priced model that can be tried", field="provider")
    best = min(choices, key=lambda choice: choice.candidate.quote.ceiling_micros or 0)
    if (best.candidate.quote.ceiling_micros or 0) > cap:
        raise InvalidRequest(
            f"the cheapest clip of {provider} may cost ${amount(best.candidate.quote.ceiling)}",
            field="max_cost",
            hint=f"{best.candidate.model}, {best.candidate.fit.duration:g} s; raise --max-cost to allow it",
        )
    return best


def _choices(client: Client, spec: ModelSpec) -> Iterator[Choice]:
    from anyvideo.testing.smallest import REQUESTABLE, draw_picture, lowest, shortest

    for task in spec.tasks:
        if task not in REQUESTABLE:
            continue
        wish: dict[str, Any] = {
            "prompt": PROMPT if "prompt" in spec.inputs else None,
            "image": draw_picture(768, 432, level=9) if task is Task.IMAGE_TO_VIDEO else None,
            "duration": shortest(spec.length),
            "resolution": lowest(spec, task),
            "models": [spec.id],
        }
        wish = {name: value for name, value in wish.items() if value is not None}
        for candidate in client.plan(**wish).candidates:
            yield Choice(candidate=candidate, wish=wish)


def _bought(
    client: Client, choice: Choice, diary: Diary, *, max_cost: str, timeout: float, as_json: bool
) -> tuple[Video | None, AnyVideoError | None]:
    diary.started = time.monotonic()
    try:
        with diary.watch:
            return client.generate(**choice.wish, max_cost=max_cost, timeout=timeout), None
    except KeyboardInterrupt:
        raise failed(interrupted(diary.watch.job_id), as_json=as_json) from None
    except AnyVideoError as error:
        return None, error


def _report(
    info: ProviderInfo, choice: Choice, diary: Diary, job: Job | None, video: Video | None
) -> Document:
    fit = choice.candidate.fit
    return {
        "ok": False,
        "provider": info.name,
        "distribution": info.distribution,
        "version": info.version,
        "anyvideo": version("anyvideo"),
        "python": platform.python_version(),
        "platform": sys.platform,
        "model": choice.candidate.model,
        "task": fit.task.value,
        "duration": fit.duration,
        "resolution": fit.resolution,
        "aspect_ratio": fit.aspect_ratio,
        "quote": quote_document(choice.candidate.quote),
        "seconds": diary.seconds,
        "words": [{"word": word, "after": after} for word, after in diary.words.items()],
        "unknown_words": diary.unknown,
        "troubles": diary.troubles,
        "checks": {} if video is None else _checks(choice, diary, video),
        "job_id": None if job is None else job.id,
    }


def _ending(job: Job | None, video: Video | None, error: AnyVideoError | None) -> Document:
    return {
        "cost": None if job is None else cost_document(job.cost),
        "info": None if video is None else info_document(video.info),
        "attempts": [] if job is None else [attempt_document(one) for one in job.attempts],
        "error": None if error is None else error_document(error)["error"],
    }


def _checks(choice: Choice, diary: Diary, video: Video) -> dict[str, bool]:
    """What was declared against what came."""
    fit, ceiling = choice.candidate.fit, choice.candidate.quote.ceiling_micros
    return {
        "as long as ordered": abs(video.duration - fit.duration) <= TOLERANCE,
        "as large as declared": fit.size in (None, (video.info.width, video.info.height)),
        "within the quote": ceiling is None or video.cost.micros <= ceiling,
        "every status word known": not diary.unknown,
    }


def markdown(document: Document) -> str:
    """The report as it goes into an issue."""
    lines = [
        "| smoke | |",
        "| --- | --- |",
        *(f"| {name} | {text} |" for name, text in _rows(document).items()),
    ]
    lines += [f"- {'passed' if held else '**failed**'}: {name}" for name, held in document["checks"].items()]
    lines += [f"- {word}" for word in document["unknown_words"]]
    lines += [f"- on the way: {trouble}" for trouble in document["troubles"]]
    errors = [attempt["error"] for attempt in document["attempts"] if attempt["error"] is not None]
    for error in [*errors, *([document["error"]] if document["error"] else [])]:
        lines += ["", "```", f"{error['type']}: {error['message']}", "```"]
    return "\n".join(lines)


def _rows(document: Document) -> dict[str, str]:
    made = f"anyvideo {document['anyvideo']}, Python {document['python']}, {document['platform']}"
    plugin = f"{document['distribution'] or 'given in code'} {document['version'] or ''}".strip()
    quote, cost, info = document["quote"], document["cost"], document["info"]
    words = ", ".join(f"`{entry['word']}` after {entry['after']:g} s" for entry in document["words"])
    file = "none"
    if info is not None:
        size = f"{info['width']}x{info['height']}"
        file = f"{info['duration']:g} s, {size}, {info['fps']:g} fps, {info['codec']}"
    return {
        "outcome": "passed" if document["ok"] else "**failed**",
        "provider": f"{document['provider']} ({plugin}; {made})",
        "model": f"`{document['model']}`, {document['task']}",
        "ordered": f"{document['duration']:g} s, {document['resolution']}, {document['aspect_ratio']}",
        "quoted": f"${quote['expected']}, at most ${quote['ceiling']}",
        "cost": "none known" if cost is None else f"${cost['amount']} ({cost['basis']})",
        "time": f"{document['seconds']:g} s",
        "status words": words or "none",
        "file": file,
        "job": f"`{document['job_id']}`",
    }
