"""The generated parts of the page on the client: methods, arguments and events."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping

from _markdown import table

from anyvideo.client import AsyncClient
from anyvideo.jobs.wish import BuyOptions, PlanOptions
from anyvideo.types.events import EventKind

WANTED = {
    "image": "a picture to start from; see [media](media.md)",
    "image_transfer": "`auto`, `upload` or `url`: how it reaches the vendor",
    "image_fallback": "`error` or `text`: what follows a picture that cannot be read",
    "duration": "seconds; by default what the model makes",
    "aspect_ratio": 'like `"16:9"`',
    "resolution": 'like `"720p"` or `"4k"`',
    "fps": "frames per second",
    "seed": "a whole number; repeats a result, where a model takes one",
    "negative_prompt": "what the clip should not show",
    "audio": "sound; by default none",
    "steps": "1 to 1000, where a model takes them",
    "motion": "1 to 255: how much moves, where a model takes it",
    "models": "one name or a list, tried in order; see [planning](planning.md)",
    "strict": "turn down models that would change the request",
    "policy": "`listed` or `cheapest`",
    "allow_unpriced": "use models whose price nothing bounds, too",
}
"""What `plan` takes beside the prompt."""

BOUGHT = {
    "max_cost": "dollars: the most that all attempts together may hold and cost",
    "timeout": "seconds to wait; the job goes on after that",
    "attempt_timeout": "seconds that one model may take while another one is left",
    "poll_interval": "seconds between two looks at the job",
    "metadata": "texts by name, kept with the job",
    "reference_images": "pictures of characters by name, kept with the job",
    "job_id": "an id of your own",
    "budgets": "limits for this purchase, beside the others; see [settings](settings.md#budgets)",
    "on_unknown": "`hold` or `resubmit`; see [safety](safety.md)",
    "max_duplicate_cost": "dollars: the most that `resubmit` may pay twice",
    "idempotency_key": "the same key with the same request is bought once",
    "cache": "reuse the finished clip of an identical request",
    "output": 'where the file goes, like `"{job_id}/clip_{index}.mp4"`',
}
"""What `submit` and `generate` take too."""

TOLD = {
    EventKind.JOB_RECORDED: "the job and its first hold are on disk; nothing was sent yet",
    EventKind.ATTEMPT_STARTED: "`model` is asked",
    EventKind.ATTEMPT_ACCEPTED: "the vendor has taken it, or it was found again",
    EventKind.PROGRESS: "`state`, the vendor's word in `native`, `progress` where the vendor says it",
    EventKind.UNKNOWN_WORD: "the vendor used a status that nobody has heard of; it counts as running",
    EventKind.TROUBLE: "a call failed and will be repeated; `failure` says why",
    EventKind.ATTEMPT_ENDED: "`failure` or a clip, and what it `cost`",
    EventKind.OUTCOME_UNKNOWN: "the answer to a submit was lost; its money stays held",
    EventKind.DOWNLOADING: "the clip is ready at the vendor",
    EventKind.IMAGE_DROPPED: "the clip is made without the picture; `message` says why",
    EventKind.MISMATCH: "the file differs from the order; `message` says in what",
    EventKind.JOB_ENDED: "`message` is the job's status, `cost` all attempts together",
    EventKind.BUDGET_THRESHOLD: "50, 80 or 100 % of a budget are used; `threshold` says of which",
    EventKind.BATCH_PROGRESS: "`progress` of a whole batch",
}
"""What each event means."""


def methods() -> str:
    """Every public method."""
    rows = [
        (f"`{name}({_arguments(method)})`", _first_sentence(method))
        for name, method in vars(AsyncClient).items()
        if not name.startswith("_") and name != "aclose"
    ]
    return table(("method", "does"), rows)


def _arguments(method: object) -> str:
    parameters = list(inspect.signature(method).parameters.values())[1:]  # type: ignore[arg-type]
    shown = ["**options" if one.kind is one.VAR_KEYWORD else one.name for one in parameters]
    return ", ".join(shown)


def _first_sentence(method: object) -> str:
    text = " ".join((inspect.getdoc(method) or "").partition("\n\n")[0].split())
    return text.partition(". ")[0].rstrip(".") + "."


def options() -> str:
    """Every argument that describes or drives a purchase."""
    _same(WANTED, PlanOptions.__annotations__)
    _same(WANTED | BOUGHT, PlanOptions.__annotations__.keys() | BuyOptions.__annotations__.keys())
    rows = [(f"`{name}`", "yes", means) for name, means in WANTED.items()]
    return table(
        ("argument", "also of `plan`", "is"),
        [*rows, *((f"`{name}`", "-", means) for name, means in BOUGHT.items())],
    )


def events() -> str:
    """Every kind of event."""
    _same({str(kind): "" for kind in TOLD}, [str(kind) for kind in EventKind])
    return table(("kind", "what happened"), [(f"`{kind}`", TOLD[kind]) for kind in EventKind])


def _same(said: Mapping[str, str], real: Collection[str]) -> None:
    assert said.keys() == set(real), f"docs and code differ: {sorted(said.keys() ^ set(real))}"
