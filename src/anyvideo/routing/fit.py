"""A request fitted to one model, or the reason why it cannot be. Pure."""

from __future__ import annotations

from datetime import date

from anyvideo.catalog.spec import ModelSpec, ModelStatus
from anyvideo.provider import MediaRules
from anyvideo.routing.length import TOLERANCE, fit_length
from anyvideo.routing.notes import Impossible, Notes
from anyvideo.routing.pictures import check_picture
from anyvideo.routing.shape import fit_shape
from anyvideo.routing.soft import Soft, softened
from anyvideo.types.plan import Fit, InputValue, Rejection
from anyvideo.types.request import Task, VideoRequest


def fit(
    request: VideoRequest,
    spec: ModelSpec,
    *,
    today: date,
    media: MediaRules,
    strict: bool = False,
    tolerance: float = TOLERANCE,
    soft: Soft | None = None,
) -> Fit | Rejection:
    """The request in the model's own words, with what was changed; or the reason why it is turned down.

    `tolerance` is in seconds: how far the length may be from what was asked. `strict` allows no change.
    `soft` is what a profile would like: it turns no model down.
    """
    try:
        fitted = _fit(request, spec, today=today, media=media, tolerance=tolerance, soft=soft)
    except Impossible as problem:
        return Rejection(model=spec.id, reason=problem.reason, field=problem.field)
    if strict and fitted.adjustments:
        first = fitted.adjustments[0]
        return Rejection(model=spec.id, reason=f"cannot do exactly this: {first}", field=first.field)
    return fitted


def _fit(
    request: VideoRequest,
    spec: ModelSpec,
    *,
    today: date,
    media: MediaRules,
    tolerance: float,
    soft: Soft | None,
) -> Fit:
    _check_life(spec, today)
    _check_task(request, spec)
    _check_prompt(request, spec)
    if request.image is not None:
        check_picture(request.image, media)
    notes = Notes()
    if soft is not None:
        request = softened(request, spec, soft, notes)
    words = _words(request, spec, notes)
    length = fit_length(request, spec.length, notes, tolerance=tolerance)
    shape = fit_shape(request, spec.shape, notes)
    audio = _audio(request, spec, notes)
    inputs: dict[str, InputValue] = {**spec.constants}
    inputs |= {spec.inputs[word]: value for word, value in words.items()}
    inputs |= {**length.inputs, **shape.inputs}
    if "audio" in spec.inputs:
        inputs[spec.inputs["audio"]] = audio
    return Fit(
        model=spec.id,
        task=request.task,
        prompt=request.prompt if "prompt" in words else None,
        negative_prompt=request.negative_prompt if "negative_prompt" in words else None,
        image=request.image,
        image_input=None if request.image is None else spec.inputs["image"],
        duration=length.seconds,
        frames=length.frames,
        fps=length.fps,
        aspect_ratio=shape.ratio,
        resolution=shape.resolution,
        size=shape.pixels,
        audio=audio,
        seed=request.seed if "seed" in words else None,
        inputs=inputs,
        adjustments=notes.all,
    )


def _check_life(spec: ModelSpec, today: date) -> None:
    if spec.status is not ModelStatus.RETIRED and (spec.retires is None or today < spec.retires):
        return
    since = "" if spec.retires is None else f" on {spec.retires}"
    instead = "" if spec.replacement is None else f"; use {spec.replacement} instead"
    raise Impossible(f"retired by its vendor{since}{instead}", "models")


def _check_task(request: VideoRequest, spec: ModelSpec) -> None:
    if request.task not in spec.tasks:
        if request.task is Task.TEXT_TO_VIDEO:
            takes = "an image" if "prompt" in spec.inputs else "an image and no prompt"
            raise Impossible(f"takes {takes}; this request has only a prompt", "image")
        raise Impossible("takes a prompt and no image; this request has an image", "image")
    if request.prompt is None and "prompt" in spec.required:
        raise Impossible("needs a prompt; this request has only an image", "prompt")


def _check_prompt(request: VideoRequest, spec: ModelSpec) -> None:
    if request.prompt is None or spec.prompt_limit is None or "prompt" not in spec.inputs:
        return
    length = len(request.prompt.encode("utf-16-le")) // 2
    if length > spec.prompt_limit:
        raise Impossible(
            f"takes prompts of at most {spec.prompt_limit} characters; this one has {length}", "prompt"
        )


def _words(request: VideoRequest, spec: ModelSpec, notes: Notes) -> dict[str, InputValue]:
    """What is said in words and numbers, as far as the model takes it."""
    asked: dict[str, InputValue] = {
        "prompt": request.prompt,
        "negative_prompt": request.negative_prompt,
        "seed": request.seed,
        "steps": request.steps,
        "motion": request.motion,
    }
    words: dict[str, InputValue] = {}
    for word, value in asked.items():
        if value is None:
            continue
        if word in spec.inputs:
            words[word] = value
        else:
            notes.add(word, _short(value), None, f"this model takes no {word.replace('_', ' ')}")
    return words


def _audio(request: VideoRequest, spec: ModelSpec, notes: Notes) -> bool:
    """Whether there will be sound: silence unless asked for, as sound costs more."""
    if "audio" in spec.inputs:
        return bool(request.audio)
    if request.audio is not None and request.audio != spec.audio:
        always = "always makes sound" if spec.audio else "makes no sound"
        notes.add("audio", _yes(request.audio), _yes(spec.audio), f"this model {always}")
    return spec.audio


def _yes(flag: bool) -> str:
    return "on" if flag else "off"


def _short(value: InputValue) -> str:
    text = str(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
