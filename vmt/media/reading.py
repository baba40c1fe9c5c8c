"""Opening media files safely and reading what they hold, without decoding more than their first
frame.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.error
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.frame import VideoFrame

from vmt.errors import MediaError

if TYPE_CHECKING:
    AnyPacket = Packet[Any]  # generic in PyAV's stubs alone
else:
    AnyPacket = Packet

FORMATS = (
    "mov",
    "mp4",
    "matroska",
    "webm",
    "avi",
    "mpegts",
    "mpeg",
    "flv",
    "ogg",
    "asf",
    "mp3",
    "wav",
    "flac",
    "aac",
)
"""ffmpeg's demuxers that may be used; the last four hold no picture and get a clearer refusal by
being opened.
"""
SAFE_INPUT = {"protocol_whitelist": "file,pipe", "format_whitelist": ",".join(FORMATS)}
"""ffmpeg's options for every input: nothing is fetched, and a file that names other files is not
followed.
"""
MIN_SECONDS = 1.0
MAX_HOURS = 6.0
MAX_SIDE = 8192
MISSING_S, MISSING_SHARE = 1.0, 0.02
_NO_PICTURE = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image


@dataclass(frozen=True)
class MediaInfo:
    """What a video file holds.

    Attributes:
        duration_s: length of the picture, from its first decoded frame to the end of its last.
        width: in pixels, as shown (after rotation metadata).
        height: in pixels, as shown.
        fps: average frame rate.
        frames: pictures in the file.
        video_codec: ffmpeg's name, such as `h264`.
        audio_codec: of the track that plays by default, or None without sound.
        start_s: the first frame's time on the container's clock.
        picture_index: the picture's number among the container's streams.
        timed: whether each packet says when it is shown; in an AVI with B-frames none does.
    """

    duration_s: float
    width: int
    height: int
    fps: float
    frames: int
    video_codec: str
    audio_codec: str | None
    start_s: float
    picture_index: int
    timed: bool


def probe(path: Path) -> MediaInfo:
    """What `path` holds, from every packet's timestamps and the first decoded frame.

    A file is truncated when its header declares over 1 s and over 2 % more than its packets hold,
    or when an MP4 lacks its index. (A cut MPEG-TS, or a recording without a declared length, is
    simply shorter.)

    Raises:
        MediaError: `not-media`, `truncated`, `no-picture`, `too-short`, `decode-failed` or
            `unsafe`.
    """
    with open_media(path) as container:
        picture = picture_stream(container, path)
        sound = sound_stream(container)
        scan = _Scan(picture.index, sound.index if sound is not None else -1, untimed(container))
        for packet in packets(container):
            scan.add(packet)
        declared = _declared_s(container, picture)
        origin = container.start_time / av.time_base if container.start_time else 0.0
        video_codec = _codec(picture)
        audio_codec = _codec(sound) if sound is not None and scan.heard else None
        rate = picture.guessed_rate or picture.average_rate or Fraction(25)

    found = max(0.0, scan.end_of_all - origin)
    if declared - found > max(MISSING_S, MISSING_SHARE * declared):
        raise refusal(
            path,
            f"declares {declared:.1f} s and holds {found:.1f} s: its end is missing; upload it "
            "again",
            "truncated",
        )
    if scan.first is None or scan.start is None:
        raise refusal(
            path,
            f"no frame of its {video_codec} stream can be decoded; encode it again, as H.264 "
            "in MP4",
            "decode-failed",
        )
    duration = scan.duration(float(rate))
    _check_length(path, duration)
    turned = scan.first.rotation % 180 != 0
    width, height = (
        (scan.first.height, scan.first.width) if turned else (scan.first.width, scan.first.height)
    )
    fps = scan.pictures / duration
    return MediaInfo(
        duration,
        width,
        height,
        fps,
        scan.pictures,
        video_codec,
        audio_codec,
        scan.start,
        scan.picture,
        scan.timed,
    )


def _declared_s(container: InputContainer, picture: Any) -> float:
    declared = container.duration / av.time_base if container.duration else 0.0
    if untimed(
        container
    ):  # its duration is estimated from its size, its number of frames is written
        declared = max(declared, picture.frames / (picture.average_rate or 25))
    return float(declared)


def untimed(container: InputContainer) -> bool:
    """Whether packets say when they are decoded, but not when they are shown."""
    return bool(container.format.name == "avi")


def _check_length(path: Path, duration_s: float) -> None:
    if duration_s < MIN_SECONDS - 1e-3:
        raise refusal(
            path,
            f"{duration_s:.2f} s long, and VMT needs at least 1 s; use a longer one",
            "too-short",
        )
    if duration_s > 3600 * MAX_HOURS:
        raise refusal(
            path,
            f"{duration_s / 3600:.1f} h long, and VMT takes at most {MAX_HOURS:g} h; cut it "
            "into parts",
            "unsafe",
        )


class _Scan:
    """Timestamps of a file, packet by packet, in seconds of the container's clock."""

    def __init__(self, picture: int, sound: int, by_dts: bool) -> None:
        self.picture, self.sound, self.by_dts = picture, sound, by_dts
        self.first: VideoFrame | None = None
        self.start: float | None = None
        self.pictures = 0
        self.heard = False
        self.end_of_all = 0.0
        self._last = self._end = 0.0
        self._waiting: list[tuple[float, float]] = []

    def add(self, packet: AnyPacket) -> None:
        if packet.stream.index == self.picture and self.first is None:
            self.first = next(iter(decode(packet) or ()), None)
            if self.first is not None and not self.by_dts and self.first.time is not None:
                self.start = float(self.first.time)
        stamp = packet.dts if self.by_dts or packet.pts is None else packet.pts
        if stamp is None or packet.time_base is None:
            return
        time = float(stamp * packet.time_base)
        length = float((packet.duration or 0) * packet.time_base)
        self.end_of_all = max(self.end_of_all, time + length)
        self.heard |= packet.stream.index == self.sound
        if packet.stream.index == self.picture and not packet.is_discard:
            self._waiting.append((time, length))
            if self.start is None and self.by_dts:
                self.start = time
            if self.first is not None and self.start is not None:
                self._count()

    def _count(self) -> None:
        assert self.start is not None
        for time, length in self._waiting:
            if time >= self.start - 1e-6:  # pictures before the first decoded one cannot be decoded
                self.pictures += 1
                self._last = max(self._last, time)
                self._end = max(self._end, time + length)
        self._waiting.clear()

    def duration(self, fps: float) -> float:
        """From the first frame to the end of the last, which lasts 1 / fps where the file does not
        say.
        """
        self._count()
        assert self.start is not None
        end = self._end if self._end > self._last else self._last + 1 / fps
        return end - self.start

    @property
    def timed(self) -> bool:
        """False where only the order of decoding is known and frames leave the decoder late: there
        are B-frames.
        """
        if (
            not self.by_dts
            or self.first is None
            or self.first.dts is None
            or self.first.time_base is None
        ):
            return True
        return float(self.first.dts * self.first.time_base) <= (self.start or 0.0)


def open_media(path: Path) -> InputContainer:
    """`path`, opened for reading.

    Raises:
        MediaError: `not-media`, `truncated` or `unsafe`.
    """
    if not path.is_file():
        raise refusal(path, "not a regular local file; give the path of a video file", "unsafe")
    if path.stat().st_size == 0:
        raise refusal(path, "the file is empty; upload it again", "not-media")
    try:
        return av.open(
            f"file:{path.resolve()}", metadata_errors="replace", container_options=SAFE_INPUT
        )
    except (av.error.FFmpegError, ValueError) as error:
        with path.open("rb") as file:
            head = file.read(12)
        if head[4:8] == b"ftyp" and isinstance(error, av.error.InvalidDataError):
            raise refusal(
                path,
                "its index (moov) is missing or damaged, as in a file cut short; upload it again",
                "truncated",
            ) from error
        raise refusal(
            path,
            "not a video that VMT reads (MP4, MOV, MKV, WebM, AVI, MPEG, FLV, Ogg, ASF); "
            "convert it",
            "not-media",
        ) from error


def picture_stream(container: InputContainer, path: Path) -> Any:
    """The default, or first, video stream that is no cover art.

    Raises:
        MediaError: `no-picture`, `decode-failed` or `unsafe`.
    """
    moving = [stream for stream in container.streams.video if not stream.disposition & _NO_PICTURE]
    if not moving:
        raise refusal(
            path, "no picture in it, only sound or cover art; upload a video", "no-picture"
        )
    stream = min(moving, key=lambda each: not each.disposition & Disposition.default)
    if stream.codec_context is None:
        raise refusal(
            path, "its video codec is unknown; encode it again, as H.264 in MP4", "decode-failed"
        )
    width, height = stream.codec_context.width, stream.codec_context.height
    if width * height > MAX_SIDE**2:
        raise refusal(
            path,
            f"{width} x {height} pixels a frame, and VMT takes at most {MAX_SIDE} x "
            f"{MAX_SIDE}; scale it down",
            "unsafe",
        )
    stream.thread_type = "AUTO"
    return stream


def sound_stream(container: InputContainer) -> Any | None:
    """The audio track that plays by default, or the first; None without one."""
    return min(
        container.streams.audio,
        key=lambda each: not each.disposition & Disposition.default,
        default=None,
    )


def packets(container: InputContainer, stream: Any | None = None) -> Iterator[AnyPacket]:
    """Packets of one stream or all, up to the end or to where the container breaks."""
    demuxed = container.demux(stream) if stream is not None else container.demux()
    while True:
        try:
            packet = next(demuxed)
        except (StopIteration, av.error.FFmpegError):
            return
        except (
            IndexError
        ):  # PyAV has flushed the streams that it knows, and trips over one that began in mid-file
            return
        yield packet


def decode(packet: AnyPacket) -> list[Any] | None:
    """Frames that a packet completes; None where it is damaged."""
    try:
        return list(packet.decode())
    except av.error.EOFError:
        return []
    except av.error.FFmpegError:
        return None


def refusal(path: Path, reason: str, code: str) -> MediaError:
    """The error that says why `path` cannot be used, and what to do."""
    return MediaError(f"video {path.name}: {reason}", code)


def _codec(stream: Any) -> str:
    return (
        str(stream.codec_context.codec.canonical_name)
        if stream.codec_context is not None
        else "unknown"
    )
