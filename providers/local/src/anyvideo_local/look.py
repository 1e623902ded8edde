"""What a prompt's words mean for a drawn scene: the hour, the place and what is in the air."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random

from anyvideo_local.stage import Color


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """Light: `sky` from the zenith to the horizon, what hangs in it, and how it falls on the ground."""

    sky: tuple[Color, Color, Color]
    haze: Color
    light: Color
    body: str
    body_height: float
    cloud: Color
    clouds: float
    stars: float
    shade: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A whole scene's decisions; `terrain` names a builder, `air` what floats or falls."""

    hour: Hour
    terrain: str
    ground: Color
    shade: float
    air: str
    lit: bool


_HOURS = {
    "dawn": Hour(
        sky=((58, 80, 134), (196, 142, 160), (255, 206, 158)),
        haze=(250, 204, 172), light=(255, 236, 200), body="sun", body_height=0.47,
        cloud=(255, 214, 200), clouds=0.55, stars=0.12, shade=0.62),
    "day": Hour(
        sky=((62, 128, 208), (134, 188, 232), (214, 234, 244)),
        haze=(206, 226, 238), light=(255, 250, 226), body="sun", body_height=0.2,
        cloud=(255, 255, 255), clouds=0.8, stars=0.0, shade=0.95),
    "dusk": Hour(
        sky=((44, 36, 92), (186, 74, 98), (255, 162, 84)),
        haze=(246, 150, 98), light=(255, 214, 140), body="sun", body_height=0.5,
        cloud=(255, 150, 120), clouds=0.7, stars=0.25, shade=0.4),
    "night": Hour(
        sky=((8, 12, 34), (22, 34, 76), (58, 78, 124)),
        haze=(64, 84, 130), light=(226, 234, 255), body="moon", body_height=0.24,
        cloud=(96, 112, 160), clouds=0.35, stars=1.0, shade=0.3),
    "grey": Hour(
        sky=((92, 104, 120), (140, 150, 162), (188, 194, 198)),
        haze=(180, 188, 194), light=(232, 236, 238), body="none", body_height=0.25,
        cloud=(214, 218, 224), clouds=1.0, stars=0.0, shade=0.6),
    "fire": Hour(
        sky=((30, 10, 16), (112, 26, 18), (255, 122, 40)),
        haze=(236, 96, 36), light=(255, 206, 120), body="glow", body_height=0.6,
        cloud=(84, 34, 30), clouds=0.9, stars=0.0, shade=0.28),
    "space": Hour(
        sky=((6, 6, 18), (16, 14, 44), (34, 22, 66)),
        haze=(70, 48, 120), light=(240, 236, 255), body="planet", body_height=0.4,
        cloud=(118, 66, 160), clouds=0.75, stars=2.2, shade=0.3),
}  # fmt: skip

_GROUNDS: dict[str, Color] = {
    "hills": (74, 110, 66),
    "mountains": (86, 98, 122),
    "forest": (38, 82, 60),
    "dunes": (206, 150, 88),
    "city": (66, 76, 104),
    "sea": (40, 92, 124),
    "space": (40, 34, 70),
}
_SNOW: Color = (222, 232, 246)
_FROZEN: dict[str, Color] = {"sea": (150, 190, 212), "city": (104, 114, 140)}
_EMBER: Color = (64, 30, 28)

_SPACE = "space galaxy galaxies nebula cosmos cosmic planet planets asteroid spaceship starship astronaut"
_HOUR_WORDS = {
    "space": _SPACE,
    "fire": "fire flames flame burning volcano volcanic lava inferno wildfire explosion",
    "night": "night midnight moon moonlit moonlight starry stars nocturnal neon aurora",
    "dusk": "sunset dusk evening twilight golden",
    "dawn": "dawn sunrise morning daybreak",
    "grey": "rain rainy storm stormy thunder fog foggy mist misty overcast cloudy blizzard",
    "day": "day noon daylight sunny midday afternoon bright summer",
}
_TERRAIN_WORDS = {
    "space": _SPACE,
    "city": """city cities street streets skyline skyscraper skyscrapers downtown urban tokyo york london
        paris building buildings cyberpunk neon rooftop car traffic""",
    "sea": """ocean sea lake water beach waves wave river coast island boat ship sailing harbour harbor
        pond whale surfer dolphin""",
    "forest": "forest forests wood woods tree trees jungle pine pines woodland bear deer",
    "dunes": "desert dune dunes sand sahara mars camel canyon",
    "mountains": """mountain mountains alps peak peaks cliff cliffs everest volcano volcanic glacier
        summit eagle""",
    "hills": "hill hills meadow field fields countryside farm grass valley garden park flowers",
}
_AIR_WORDS = {
    "snow": "snow snowy snowing snowfall winter blizzard frozen ice icy arctic christmas",
    "rain": "rain rainy raining storm stormy thunder thunderstorm drizzle",
    "embers": "fire flames flame burning volcano volcanic lava inferno wildfire explosion campfire",
    "fireflies": "fireflies firefly magic magical fairy enchanted lanterns",
    "petals": "petals blossom blossoms cherry confetti leaves autumn",
}
_COLD_WORDS = "snow snowy snowing winter frozen ice icy arctic glacier blizzard"


def choose_look(prompt: str, random: Random) -> Look:
    """The scene the prompt's words call for; `random` decides what they leave open."""
    words = frozenset(re.findall(r"[^\W\d_]+", prompt.lower()))
    hour = _named(_HOUR_WORDS, words) or _pick(("dawn", "day", "dusk", "night"), random)
    terrain = _named(_TERRAIN_WORDS, words) or _pick(("hills", "mountains", "forest", "sea"), random)
    if hour == "space":
        terrain = "space"
    cold = not words.isdisjoint(_COLD_WORDS.split())
    ground = _FROZEN.get(terrain, _SNOW) if cold else _GROUNDS[terrain]
    if hour == "fire":
        ground = _EMBER
    default_air = {"night": "fireflies", "dawn": "motes", "dusk": "motes", "day": "motes"}.get(hour, "none")
    return Look(
        hour=_HOURS[hour],
        terrain=terrain,
        ground=ground,
        shade=_HOURS[hour].shade ** (0.5 if cold else 1.0),
        air=_named(_AIR_WORDS, words) or ("none" if terrain in ("city", "sea") else default_air),
        lit=hour in ("night", "dusk", "grey", "fire"),
    )


def _named(table: dict[str, str], words: frozenset[str]) -> str | None:
    return next((name for name, triggers in table.items() if not words.isdisjoint(triggers.split())), None)


def _pick(names: tuple[str, ...], random: Random) -> str:
    return names[int(random.random() * len(names))]
