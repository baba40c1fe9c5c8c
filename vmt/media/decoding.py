"""Frames and sound of a video file, on the clock of its picture, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import av
import av.error
import numpy as np
from av.audio.frame import AudioFrame
from av.container import InputContainer
from av.video.frame import VideoFrame
from jaxtyping import Float32, UInt8

from vmt.media.reading import (
    MediaInfo,
    decode,
    open_media,
    packets,
    picture_stream,
    probe,
    refusal,
    untimed,
)
from vmt.media.timeline import Timeline

DAMAGED_SHARE = 0.05
GAP_S = 0.05
GRACE_S = 600.0
SLOWEST = 20.0
"""Seconds that decoding a second of video may take, after `GRACE_S`: what takes longer would never
end.
"""
_FRONT = {"FL": 0.5, "FR": 0.5, "FC": 0.7071, "LFE": 0.0}
_SURROUND = 0.3536


@dataclass(frozen=True)
class Frame:
    """One picture of a video.

    Attributes:
        time_s: on the video's own clock, whose 0 is the first frame.
        rgb: as shown (after rotation metadata), all frames of a video of one size; interlaced
            fields stay woven.
    """

    time_s: float
    rgb: UInt8[np.ndarray, "height width 3"]


def frames(path: Path, info: MediaInfo | None = None) -> Iterator[Frame]:
    """Every frame in one pass, in rising time, on the continuous clock.

    Args:
        path: a video file.
        info: what `probe` says of it, if that is known already.

    Raises:
        MediaError: as `probe`; `timeout` where decoding does not keep up; `decode-failed` at the
            end where over 5 % of the packets were damaged.
    """
    info = info or probe(path)
    with open_media(path) as container:
        stream = picture_stream(container, path)
        interval = float(1 / (stream.guessed_rate or stream.average_rate or 25))
        by_dts = untimed(container)
        start = time = 0.0
        size: tuple[int, int] | None = None
        read = damaged = 0
        for decoded in _decoded(container, stream, path, info.timeline):
            read += 1
            damaged += decoded is None
            for picture in decoded or ():
                stamp = _time(picture, by_dts)
                if size is None:
                    size = (picture.width, picture.height)
                    start = stamp or 0.0
                    time = -interval
                time = max(time, stamp - start) if stamp is not None else time + interval
                yield Frame(max(0.0, time), _rgb(picture, size))
    if size is None or damaged > DAMAGED_SHARE * read:
        raise refusal(
            path,
            f"{damaged} of {read} packets of its picture cannot be decoded; encode it again",
            "decode-failed",
        )


def _decoded(
    container: InputContainer, stream: Any, path: Path, clock: Timeline
) -> Iterator[list[Any] | None]:
    """What each packet of a stream holds, None where it is damaged, as long as decoding keeps up.

    Only time spent in here counts, not that of who takes the frames.
    """
    demuxed, spent_s, reached_s = packets(container, stream, clock), 0.0, 0.0
    while True:
        start = monotonic()
        packet = next(demuxed, None)
        if packet is None:
            return
        decoded = decode(packet)
        spent_s += monotonic() - start
        if packet.pts is not None and packet.time_base is not None:
            reached_s = max(reached_s, float(packet.pts * packet.time_base))
        if spent_s > GRACE_S + SLOWEST * reached_s:
            raise refusal(
                path,
                f"decoding took {spent_s:.0f} s to get to second {reached_s:.0f}; encode it again",
                "timeout",
            )
        yield decoded


def _time(picture: VideoFrame, by_dts: bool) -> float | None:
    stamp = picture.dts if by_dts else picture.pts
    return None if stamp is None or picture.time_base is None else float(stamp * picture.time_base)


def _rgb(picture: VideoFrame, size: tuple[int, int]) -> UInt8[np.ndarray, "height width 3"]:
    rgb = picture.reformat(*size, format="rgb24").to_ndarray()
    quarter_turns = round(picture.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(rgb, quarter_turns)) if quarter_turns else rgb


def sound(
    path: Path, sample_rate: int, *, sound_track: int | None = None
) -> Float32[np.ndarray, " samples"] | None:
    """Mono mix of one sound track, aligned to the picture: silent before it starts and after it
    ends.

    Surround is mixed by the usual weights (front 1, centre and surround 0.71, no LFE), scaled to
    keep full scale at 1.

    Args:
        path: a video file.
        sample_rate: of the result, in Hz.
        sound_track: which one, as in `probe`.

    Returns:
        `round(duration_s * sample_rate)` samples, full scale = 1; None where the file has no sound.

    Raises:
        MediaError: as `probe`; `timeout` and `decode-failed` as in `frames`.
    """
    info = probe(path, sound_track)
    if info.audio_codec is None:
        return None
    track = _Track(round(info.duration_s * sample_rate), sample_rate)
    with open_media(path) as container:
        stream = container.streams[info.sound_index]
        read = damaged = 0
        for decoded in _decoded(container, stream, path, info.timeline):
            read += 1
            damaged += decoded is None
            for piece in decoded or ():
                track.add(piece, None if piece.time is None else float(piece.time) - info.start_s)
        track.flush()
    if damaged > DAMAGED_SHARE * read:
        raise refusal(
            path,
            f"{damaged} of {read} packets of its sound cannot be decoded; encode it again",
            "decode-failed",
        )
    return track.samples


class _Track:
    """A mono track of fixed length that decoded pieces are laid into by their timestamps."""

    def __init__(self, length: int, sample_rate: int) -> None:
        self.samples: Float32[np.ndarray, " samples"] = np.zeros(length, dtype=np.float32)
        self.sample_rate = sample_rate
        self._resampler: av.AudioResampler | None = None
        self._kind: tuple[str, str, int] | None = None
        self._next = 0  # where the next sample goes
        self._expected_s = 0.0  # when the next piece starts, if nothing is missing

    def add(self, piece: AudioFrame, time_s: float | None) -> None:
        kind = (piece.format.name, piece.layout.name, piece.sample_rate)
        jumped = time_s is not None and abs(time_s - self._expected_s) > GAP_S
        if self._resampler is None or kind != self._kind or jumped:
            self.flush()
            self._resampler = av.AudioResampler(
                format="fltp", layout=piece.layout, rate=self.sample_rate
            )
            self._kind = kind
            if time_s is not None:
                self._expected_s = time_s
            self._next = round(self._expected_s * self.sample_rate)
        self._expected_s += piece.samples / piece.sample_rate
        piece.pts = None  # the resampler would fill or drop by timestamps; positions are ours
        self._lay(self._resampler.resample(piece))

    def flush(self) -> None:
        if self._resampler is not None:
            self._lay(self._resampler.resample(None))
            self._resampler = None

    def _lay(self, pieces: list[AudioFrame]) -> None:
        for piece in pieces:
            weights = np.array(
                [_FRONT.get(channel.name, _SURROUND) for channel in piece.layout.channels],
                dtype=np.float32,
            )
            if len(weights) <= 2 or weights.sum() == 0:
                weights[:] = 1
            mono = (weights / weights.sum()) @ piece.to_ndarray()
            first, last = max(0, self._next), min(len(self.samples), self._next + len(mono))
            if first < last:
                self.samples[first:last] = mono[first - self._next : last - self._next]
            self._next += len(mono)
