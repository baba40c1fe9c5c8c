"""Scenes of town and country, whose mood is their palette's."""

import math

import cv2
import numpy as np

from vmt.synthetic.canvas import (
    HEIGHT,
    WIDTH,
    Image,
    Palette,
    disc,
    glow,
    gradient,
    in_front,
    mix,
    oval,
    polygon,
    ridge,
    skyline,
    stroke,
    view,
)
from vmt.synthetic.scenes.shot import Painter, Shot


def city(shot: Shot) -> Painter:
    """A skyline passing by, nearer houses faster, under a low sun or moon."""
    rng, palette = shot.rng, shot.palette
    wide = WIDTH + 900
    far, near = (
        gradient(palette.top, palette.bottom, wide),
        np.zeros((HEIGHT, wide, 3), dtype=np.uint8),
    )
    glow(far, 420, 150, 120, palette.light, 0.8)
    disc(far, 420, 150, 46, palette.light)
    skyline(far, rng, mix(palette.bottom, palette.ink, 0.5), palette.light, 90, 190)
    skyline(near, rng, mix(palette.ink, palette.accents[0], 0.12), palette.accents[1], 40, 150)

    def paint(t: float) -> Image:
        image = view(far, (14 * shot.pace * t) % 400)
        front = view(near, (70 * shot.pace * t) % 900)
        return in_front(image, front)

    return paint


def sea(shot: Shot) -> Painter:
    """The sea with a sun low over it, light on the waves, and a boat."""
    rng, palette = shot.rng, shot.palette
    horizon, sun_x = 190, float(rng.uniform(180, 460))
    background = gradient(palette.top, palette.bottom)
    glow(background, sun_x, horizon - 40, 110, palette.light, 0.9)
    disc(background, sun_x, horizon - 40, 38, palette.light)
    background[horizon:] = gradient(
        mix(palette.bottom, palette.ink, 0.35),
        mix(palette.top, palette.ink, 0.55),
        WIDTH,
        HEIGHT - horizon,
    )
    waves = rng.uniform(0, 1, (150, 3))

    def paint(t: float) -> Image:
        image = background.copy()
        for left, depth, phase in waves:
            y = horizon + 4 + (HEIGHT - horizon) * depth**1.5
            x = (left * WIDTH + (10 + 50 * depth) * shot.pace * t) % (WIDTH + 80) - 40
            shine = max(0.0, 1 - abs(x - sun_x) / (60 + 160 * depth)) * (
                0.5 + 0.5 * math.sin(9 * phase + 3 * shot.pace * t)
            )
            colour = mix(mix(palette.ink, palette.accents[0], 0.55), palette.light, shine)
            oval(
                image,
                x,
                y + 3 * math.sin(6 * phase + 2 * t),
                (6 + 30 * depth, 1 + 1.6 * depth),
                0,
                colour,
            )
        x, y = (90 + 16 * shot.pace * t) % (WIDTH + 100), horizon + 22 + 4 * math.sin(1.6 * t)
        polygon(image, [(x - 34, y), (x + 34, y), (x + 22, y + 13), (x - 24, y + 13)], palette.ink)
        polygon(
            image,
            [(x, y - 62), (x + 30, y - 5), (x, y - 5)],
            mix(palette.light, palette.bottom, 0.25),
        )
        polygon(
            image,
            [(x - 3, y - 52), (x - 22, y - 5), (x - 3, y - 5)],
            mix(palette.light, palette.bottom, 0.5),
        )
        return image

    return paint


def hills(shot: Shot) -> Painter:
    """Hills in the haze passing by, and birds."""
    rng, palette = shot.rng, shot.palette
    background = gradient(palette.top, palette.bottom)
    x, y = float(rng.uniform(120, 520)), float(rng.uniform(70, 130))
    glow(background, x, y, 95, palette.light, 0.8)
    disc(background, x, y, 34, palette.light)
    phases = rng.uniform(0, 2 * math.pi, (4, 3))
    xs = np.linspace(0, WIDTH, 81)

    def paint(t: float) -> Image:
        image = background.copy()
        for layer, phase in enumerate(phases):
            at = xs + (14 + 32 * layer**1.4) * shot.pace * t
            heights = (
                195
                + 42 * layer
                - 34 * np.sin(at / 150 + phase[0])
                - 14 * np.sin(at / 61 + phase[1])
                - 4 * np.sin(at / 19 + phase[2])
            )
            ridge(
                image,
                heights,
                mix(mix(palette.bottom, palette.accents[0], 0.4), palette.ink, 0.2 + 0.25 * layer),
            )
        for bird in range(5):
            left, wing = (
                (640 - 40 * bird - 34 * shot.pace * t) % 720 - 40,
                8 * math.sin(5 * t + bird),
            )
            top = 60 + 17 * (bird % 3) + 6 * math.sin(t + bird)
            stroke(image, (left - 12, top - wing), (left, top), palette.ink, 2)
            stroke(image, (left + 12, top - wing), (left, top), palette.ink, 2)
        return image

    return paint


def rain(shot: Shot) -> Painter:
    """Rain over the blurred lights of a street."""
    rng, palette = shot.rng, shot.palette
    street = gradient(palette.top, palette.bottom, WIDTH + 200)
    for x, y, size in rng.uniform(0, 1, (26, 3)):
        colour = palette.accents[int(rng.integers(len(palette.accents)))]
        disc(
            street, x * (WIDTH + 200), 120 + 150 * y, 7 + 20 * size, mix(colour, palette.light, 0.3)
        )
    street = np.asarray(cv2.GaussianBlur(street, (0, 0), 7))
    drops, rings = rng.uniform(0, 1, (130, 3)), rng.uniform(0, 1, (16, 2))

    def paint(t: float) -> Image:
        image = view(street, (24 * shot.pace * t) % 200)
        for left, phase, size in drops:
            fallen = (phase + (0.9 + 0.7 * size) * t * max(0.6, shot.pace)) % 1
            x, y, length = (
                left * (WIDTH + 40) - 14 * fallen,
                fallen * (HEIGHT + 60) - 30,
                9 + 16 * size,
            )
            stroke(
                image,
                (x, y),
                (x - 0.08 * length, y + length),
                mix(palette.bottom, palette.light, 0.35 + 0.35 * size),
            )
        for left, phase in rings:
            age = (phase + 0.8 * t) % 1
            oval(
                image,
                left * WIDTH,
                318 + 36 * phase,
                (26 * age, 6 * age),
                0,
                mix(palette.light, palette.bottom, 0.2 + 0.8 * age),
                1,
            )
        return image

    return paint


def snow(shot: Shot) -> Painter:
    """A bare tree in the snow."""
    rng, palette = shot.rng, shot.palette
    field = gradient(palette.top, palette.bottom, WIDTH + 160)
    glow(field, 560, 90, 80, palette.light, 0.6)
    ground = mix(palette.bottom, palette.light, 0.55)
    oval(field, 380, HEIGHT + 120, (620, 190), 0, ground)
    _branch(field, (float(rng.uniform(300, 420)), 300.0), -90.0, 74.0, 8, palette, rng)
    flakes = rng.uniform(0, 1, (120, 3))

    def paint(t: float) -> Image:
        image = view(field, 80 + 70 * math.sin(0.25 * shot.pace * t))
        for left, phase, size in flakes:
            fallen = (phase + (0.05 + 0.12 * size) * t * (0.5 + shot.pace)) % 1
            x = (left * WIDTH + 22 * math.sin(7 * phase + t) + 14 * t * shot.pace) % WIDTH
            disc(
                image,
                x,
                fallen * (HEIGHT + 12) - 6,
                1 + 2.4 * size,
                mix(palette.light, palette.bottom, 0.3 * (1 - size)),
            )
        return image

    return paint


def _branch(
    image: Image,
    foot: tuple[float, float],
    angle: float,
    length: float,
    depth: int,
    palette: Palette,
    rng: np.random.Generator,
) -> None:
    if depth == 0:
        return
    radians = math.radians(angle)
    end = (foot[0] + length * math.cos(radians), foot[1] + length * math.sin(radians))
    stroke(image, foot, end, palette.ink, max(1, round(depth**1.4 / 1.4)))
    for side in (-1, 1):
        _branch(
            image,
            end,
            angle + side * float(rng.uniform(14, 34)),
            length * float(rng.uniform(0.68, 0.84)),
            depth - 1,
            palette,
            rng,
        )
