"""What the scenes are painted with: a 640 x 360 canvas, shapes at sub-pixel places, gradients,
glows and skylines.

Conventions: colours are RGB, 0 to 255; places are pixels from the top left, as floats.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import UInt8

WIDTH, HEIGHT = 640, 360
Image = UInt8[np.ndarray, "_ _ 3"]
Colour = tuple[int, int, int]
Pixels = float | int  # spelled out, since a check at run time takes no int for a float
_SHIFT = 4  # OpenCV's fixed point: sixteenths of a pixel, so that slow movement does not jump


@dataclass(frozen=True)
class Palette:
    """Colours of a shot: sky from `top` to `bottom`, `ink` for silhouettes, `light` for sun and
    highlights, accents.
    """

    top: Colour
    bottom: Colour
    ink: Colour
    light: Colour
    accents: tuple[Colour, ...]

    @classmethod
    def of(cls, text: str) -> "Palette":
        """A palette from words of hexadecimal RGB, in the order of the fields, three or more
        accents last.
        """
        top, bottom, ink, light, *accents = (_colour(word) for word in text.split())
        return cls(top, bottom, ink, light, tuple(accents))


def mix(first: Colour, second: Colour, share: Pixels) -> Colour:
    """A colour between two: `first` at 0, `second` at 1."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def gradient(top: Colour, bottom: Colour, width: int = WIDTH, height: int = HEIGHT) -> Image:
    """A vertical gradient."""
    column = np.linspace(top, bottom, height)[:, None, :]
    painted: Image = np.broadcast_to(column, (height, width, 3)).astype(np.uint8)
    return np.ascontiguousarray(painted)


def glow(
    image: Image, x: Pixels, y: Pixels, radius: Pixels, colour: Colour, strength: Pixels = 1.0
) -> None:
    """Light falling off around a place; slow, so for backgrounds."""
    rows, columns = np.mgrid[0 : image.shape[0], 0 : image.shape[1]]
    fall = strength * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * radius**2))[..., None]
    image[:] = (image + (np.array(colour) - image) * fall.clip(0, 1)).astype(np.uint8)


def disc(
    image: Image, x: Pixels, y: Pixels, radius: Pixels, colour: Colour, thickness: int = -1
) -> None:
    """A disc, or a ring of some thickness."""
    cv2.circle(
        image, _fixed(x, y), max(0, round(radius * 16)), colour, thickness, cv2.LINE_AA, _SHIFT
    )


def oval(
    image: Image,
    x: Pixels,
    y: Pixels,
    axes: tuple[Pixels, Pixels],
    angle: Pixels,
    colour: Colour,
    thickness: int = -1,
) -> None:
    """An ellipse; `axes` are half lengths, `angle` in degrees."""
    sizes = (max(0, round(axes[0] * 16)), max(0, round(axes[1] * 16)))
    cv2.ellipse(image, _fixed(x, y), sizes, angle, 0, 360, colour, thickness, cv2.LINE_AA, _SHIFT)


def stroke(
    image: Image,
    start: tuple[Pixels, Pixels],
    end: tuple[Pixels, Pixels],
    colour: Colour,
    thickness: int = 1,
) -> None:
    """A line with round ends."""
    cv2.line(image, _fixed(*start), _fixed(*end), colour, thickness, cv2.LINE_AA, _SHIFT)


def polygon(
    image: Image,
    points: np.ndarray | Sequence[tuple[Pixels, Pixels]],
    colour: Colour,
    thickness: int = -1,
) -> None:
    """A polygon, filled or as an outline of some thickness."""
    fixed = np.round(np.asarray(points) * 16).astype(np.int32)
    if thickness < 0:
        cv2.fillPoly(image, [fixed], colour, cv2.LINE_AA, _SHIFT)
    else:
        cv2.polylines(image, [fixed], True, colour, thickness, cv2.LINE_AA, _SHIFT)


def ridge(image: Image, heights: np.ndarray, colour: Colour) -> None:
    """Everything below a line of heights (pixels from the top, evenly spread over the width)."""
    xs = np.linspace(0, WIDTH, len(heights))
    outline = np.stack([xs, heights], axis=1)
    polygon(image, np.concatenate([outline, [(WIDTH, HEIGHT + 4), (0, HEIGHT + 4)]]), colour)


def view(painting: Image, left: Pixels, top: Pixels = 0.0) -> Image:
    """The part of a larger painting whose corner is at (`left`, `top`), as a camera that pans sees
    it.
    """
    centre = (left + (WIDTH - 1) / 2, top + (HEIGHT - 1) / 2)
    seen: Image = cv2.getRectSubPix(painting, (WIDTH, HEIGHT), centre)
    return seen


def in_front(image: Image, front: Image) -> Image:
    """`image` behind `front`, whose black is not there."""
    there = cv2.bitwise_not(cv2.inRange(front, (0, 0, 0), (8, 8, 8)))
    return np.asarray(cv2.copyTo(front, there, image))


def skyline(
    painting: Image,
    rng: np.random.Generator,
    walls: Colour,
    windows: Colour,
    lowest: int,
    highest: int,
) -> None:
    """Houses with some lit windows along the foot of `painting`, `lowest` to `highest`
    pixels high.
    """
    left = -10
    while left < painting.shape[1]:
        width, top = (
            int(rng.integers(34, 74)),
            painting.shape[0] - int(rng.integers(lowest, highest)),
        )
        cv2.rectangle(painting, (left, top), (left + width, painting.shape[0]), walls, -1)
        for y in range(top + 8, painting.shape[0] - 6, 13):
            for x in range(left + 6, left + width - 7, 11):
                if rng.random() < 0.4:
                    cv2.rectangle(
                        painting,
                        (x, y),
                        (x + 4, y + 6),
                        mix(walls, windows, float(rng.uniform(0.4, 1))),
                        -1,
                    )
        left += width + int(rng.integers(0, 9))


def _colour(word: str) -> Colour:
    red, green, blue = bytes.fromhex(word)
    return red, green, blue


def _fixed(x: Pixels, y: Pixels) -> tuple[int, int]:
    return round(x * 16), round(y * 16)
