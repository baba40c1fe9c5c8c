"""A sheet of small pictures of a video, taken while others read its frames: no second decoding."""

from collections.abc import Iterable, Iterator

import cv2
import numpy as np
from jaxtyping import UInt8

from vmt.media.decoding import Frame

PICTURES = 6
CELL = (160, 90)  # width and height in pixels
_QUALITY = 80


class ContactSheet:
    """Pictures at even distances, side by side, each fitted into a cell of `CELL` on black.

    The i-th of n pictures is the first frame at or after (i + 0.5) / n of the duration; a cell
    whose time no frame reached stays black.
    """

    def __init__(self, duration_s: float, pictures: int = PICTURES) -> None:
        width, height = CELL
        self._due_s = [(number + 0.5) / pictures * duration_s for number in range(pictures)]
        self._taken = 0
        self._sheet = np.zeros((height, pictures * width, 3), dtype=np.uint8)

    def watch(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The same frames, those that are due copied on their way."""
        for frame in frames:
            while self._taken < len(self._due_s) and frame.time_s >= self._due_s[self._taken]:
                self._place(frame.rgb)
            yield frame

    def _place(self, rgb: UInt8[np.ndarray, "height width 3"]) -> None:
        width, height = CELL
        scale = min(width / rgb.shape[1], height / rgb.shape[0])
        size = (max(1, round(rgb.shape[1] * scale)), max(1, round(rgb.shape[0] * scale)))
        small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
        left, top = self._taken * width + (width - size[0]) // 2, (height - size[1]) // 2
        self._sheet[top : top + size[1], left : left + size[0]] = small
        self._taken += 1

    def jpeg(self) -> bytes:
        """The sheet as a JPEG file, some 20 kB."""
        bgr = cv2.cvtColor(self._sheet, cv2.COLOR_RGB2BGR)
        written, content = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        assert written, "OpenCV carries its JPEG encoder"
        return content.tobytes()
