"""Which way the camera moves: from the prompt's own words, else from the seed."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from random import Random

from anyvideo_local.stage import View

_REACH_X = 0.11
_REACH_Y = 0.07
_REACH_ZOOM = 0.24


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """From one end of the clip to the other. Each part is -1 to 1 of what the canvas allows.

    `zoom` above 0 moves in, `x` above 0 to the right, `y` above 0 down; `shake` is a hand's tremor.
    """

    zoom: float = 0.0
    x: float = 0.0
    y: float = 0.0
    shake: float = 0.0

    @property
    def reach(self) -> float:
        """How far off centre the camera goes at most, in widths or heights."""
        return max(_REACH_X * abs(self.x), _REACH_Y * abs(self.y)) + 0.01 * abs(self.shake)

    def at(self, moment: float, seconds: float) -> View:
        """Where the camera is at `moment` (0 first frame, 1 last), `seconds` into the clip."""
        eased = moment + 0.5 * (moment * moment * (3 - 2 * moment) - moment)
        way = 2 * eased - 1
        zoom = eased if self.zoom >= 0 else 1 - eased
        return View(
            zoom=1.0 + _REACH_ZOOM * (abs(self.zoom) * zoom + 0.06),
            x=_REACH_X * self.x * way + 0.008 * self.shake * _tremor(seconds, 0.0),
            y=_REACH_Y * self.y * way + 0.010 * self.shake * _tremor(seconds, 1.7),
        )


def choose_move(prompt: str, random: Random) -> Move:
    """The move the prompt asks for; `random` decides only where it asks for none."""
    words = " ".join(re.findall(r"[a-z']+", prompt.lower()))
    zoom = x = y = shake = 0.0
    asked = False
    for pattern, move in _PHRASES:
        if pattern.search(words):
            asked = True
            zoom, x, y, shake = zoom + move.zoom, x + move.x, y + move.y, shake + move.shake
    if not asked:
        preset = _UNASKED[int(random.random() * len(_UNASKED))]
        zoom, x, y = preset.zoom, preset.x, preset.y
    pace = next((factor for pattern, factor in _PACES if pattern.search(words)), 0.85)
    return Move(zoom=_bound(zoom * pace), x=_bound(x * pace), y=_bound(y * pace), shake=_bound(shake))


def _bound(value: float) -> float:
    return max(-1.0, min(1.0, value))


def _tremor(seconds: float, phase: float) -> float:
    return (
        math.sin(seconds * 5.1 + phase)
        + 0.6 * math.sin(seconds * 8.3 + 2 * phase)
        + 0.3 * math.sin(seconds * 13.7)
    ) / 1.9


def _phrase(verbs: str, *directions: str) -> re.Pattern[str]:
    if not directions:
        return re.compile(rf"\b(?:{verbs})\b")
    return re.compile(rf"\b(?:{verbs})(?: \w+){{0,3}}? (?:{'|'.join(directions)})\b")


_PHRASES: tuple[tuple[re.Pattern[str], Move], ...] = (
    (_phrase("doll(?:y|ies|ying)|push(?:es|ing)?|zoom(?:s|ing)?|mov(?:e|es|ing)|fl(?:y|ies|ying)",
             "in", "into", "closer", "forward", "forwards", "towards?", "through"), Move(zoom=1.0)),
    (_phrase("doll(?:y|ies|ying)|pull(?:s|ing)?|zoom(?:s|ing)?|mov(?:e|es|ing)",
             "out", "back", "backwards?", "away"), Move(zoom=-1.0)),
    (_phrase("close up|closeup"), Move(zoom=0.5)),
    (_phrase("pan(?:s|ning)?|truck(?:s|ing)?|slid(?:e|es|ing)|track(?:s|ing)?", "left"), Move(x=-1.0)),
    (_phrase("pan(?:s|ning)?|truck(?:s|ing)?|slid(?:e|es|ing)|track(?:s|ing)?", "right"), Move(x=1.0)),
    (_phrase("tilt(?:s|ing)?|cran(?:e|es|ing)|pedestal|boom(?:s|ing)?|ris(?:e|es|ing)", "up", "upwards?"),
     Move(y=-1.0)),
    (_phrase("tilt(?:s|ing)?|cran(?:e|es|ing)|pedestal|boom(?:s|ing)?", "down", "downwards?"), Move(y=1.0)),
    (_phrase("tracking shot|follow(?:s|ing)? shot|side scroll(?:ing)?"), Move(x=0.9)),
    (_phrase("orbit(?:s|ing)?|arc shot|circl(?:e|es|ing) around"), Move(x=1.0, zoom=0.45)),
    (_phrase("aerial|drone|flyover"), Move(zoom=0.7, y=0.5)),
    (_phrase("hand ?held|shaky|shaking camera"), Move(zoom=0.25, shake=1.0)),
    (_phrase("static|locked off|tripod|still camera|fixed camera"), Move()),
)  # fmt: skip

_PACES: tuple[tuple[re.Pattern[str], float], ...] = (
    (_phrase("slow|slowly|gentle|gently|subtle|calm"), 0.75),
    (_phrase("fast|quick|quickly|rapid|rapidly|whip|sudden"), 1.0),
)

_UNASKED = (
    Move(zoom=0.9),
    Move(zoom=-0.9),
    Move(x=0.9, zoom=0.2),
    Move(x=-0.9, zoom=0.2),
    Move(y=-0.8, zoom=0.4),
    Move(x=0.6, zoom=0.7),
)
