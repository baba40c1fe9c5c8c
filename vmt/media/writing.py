"""Writing videos with ffmpeg as a child process, under limits of time and memory; outputs appear
only when whole.
"""

import contextlib
import os
import re
import signal
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import ffmpeg
import imageio_ffmpeg
import numpy as np
from jaxtyping import UInt8

from vmt.errors import MediaError, StoreFull
from vmt.media.reading import SAFE_INPUT, probe

if os.name == "posix":
    import resource

COPIED_CODECS = frozenset(
    {"h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "mjpeg"}
)
"""Pictures that ffmpeg's MP4 muxer takes; any other is encoded as H.264."""
MEMORY_LIMIT_BYTES = 6 << 30
THREADS = min(8, os.cpu_count() or 1)
AUDIO_RATE_HZ = 48_000
AUDIO_BITRATE = "192k"


def mux(
    video: Path,
    sound: Path,
    out: Path,
    *,
    duration_s: float,
    metadata: Mapping[str, str] | None = None,
) -> Literal["copied", "encoded"]:
    """The picture of `video` with `sound` under it, as an MP4 that starts to play before it is
    loaded.

    The picture's bitstream is copied where MP4 can hold its codec, and encoded as H.264 where it
    cannot. The sound becomes AAC and exactly `duration_s` long: cut, or filled with silence.

    Args:
        video: any file that `probe` takes.
        sound: a sound file that ffmpeg reads, such as WAV or FLAC; its first sample plays at the
            first frame.
        out: the MP4; it appears only when whole.
        duration_s: of the picture, as `probe` says.
        metadata: written as the MP4's tags.

    Returns:
        Whether the picture was copied or encoded.

    Raises:
        MediaError: as `probe`; `encode-failed` or `timeout`.
        StoreFull: if there is no space left for `out`.
    """
    info = probe(video)
    copy = info.video_codec in COPIED_CODECS and info.timed
    if copy:
        try:
            _mux(
                video,
                sound,
                out,
                info,
                duration_s,
                metadata or {},
                copy=True,
                limit_s=120 + duration_s,
            )
        except MediaError as error:
            if error.code != "encode-failed":
                raise
            copy = False  # a bitstream that the muxer refuses all the same
    if not copy:
        _mux(
            video,
            sound,
            out,
            info,
            duration_s,
            metadata or {},
            copy=False,
            limit_s=600 + 20 * duration_s,
        )
    return "copied" if copy else "encoded"


def _mux(
    video: Path,
    sound: Path,
    out: Path,
    info: Any,
    duration_s: float,
    metadata: Mapping[str, str],
    *,
    copy: bool,
    limit_s: float,
    audio_bitrate: str = AUDIO_BITRATE,
) -> None:
    # copyts keeps the input's own clock, so that this offset moves the first frame to 0, whenever
    # other streams start
    picture = ffmpeg.input(_local(video), itsoffset=-info.start_s, **SAFE_INPUT)[
        str(info.picture_index)
    ]
    voice = ffmpeg.input(_local(sound), protocol_whitelist="file,pipe").audio
    voice = voice.filter("aresample", AUDIO_RATE_HZ).filter("apad").filter("atrim", end=duration_s)
    options: dict[str, Any] = {
        "c:a": "aac",
        # Half the time of ffmpeg's default, and at this rate nearer to the sound that went in.
        "aac_coder": "fast",
        "b:a": audio_bitrate,
        "c:v": "copy" if copy else "libx264",
        "movflags": "+faststart",
        "map_metadata": -1,
        "threads": THREADS,
    }
    if not copy:
        options |= {
            "crf": 18,
            "preset": "medium",
            "pix_fmt": "yuv420p",
            "vf": f"setpts=PTS-STARTPTS,{_EVEN}",
        }
    if copy and info.video_codec == "hevc":
        options["tag:v"] = "hvc1"  # the tag that Apple's players ask for
    tags = {
        f"metadata:g:{number}": f"{name}={value}"
        for number, (name, value) in enumerate(metadata.items())
    }
    with _whole(out) as part:
        command = ffmpeg.output(
            picture, voice, _local(part), format="mp4", **options, **tags
        ).global_args("-copyts")
        _run(command, out, limit_s)


def blend(video: Path, music: Path, out: Path, *, duration_s: float, duck: bool) -> bool:
    """The video's own sound and `music` together, as a stereo WAV of floats at 48 kHz that may pass
    full scale.

    Args:
        video: any file that `probe` takes.
        music: a sound file; its first sample plays at the first frame.
        out: the WAV; it appears only when whole.
        duration_s: of the result.
        duck: take the music down while the video's own sound is heard, by some 12 dB under loud
            speech.

    Returns:
        Whether the video has a sound of its own; without one nothing is written.

    Raises:
        MediaError: as `probe`; `encode-failed` or `timeout`.
        StoreFull: if there is no space left for `out`.
    """
    own = _own_sound(video, duration_s + 1)
    if own is None:
        return False
    under = ffmpeg.input(_local(music), protocol_whitelist="file,pipe").audio.filter(
        "aresample", AUDIO_RATE_HZ
    )
    # a second more than is wanted, for sidechaincompress drops what it holds when one of its inputs
    # ends
    under = under.filter("apad").filter("atrim", end=duration_s + 1)
    if duck:
        both = own.filter_multi_output("asplit")
        own = both.stream(0)
        under = ffmpeg.filter([under, both.stream(1)], "sidechaincompress", **_DUCKING)
    mixed = ffmpeg.filter([own, under], "amix", inputs=2, normalize=0, duration="longest")
    _write_wav(mixed.filter("atrim", end=duration_s), out, duration_s)
    return True


def own_sound(video: Path, out: Path, *, duration_s: float) -> bool:
    """The video's own sound, as a stereo WAV of floats at 48 kHz that starts with the first frame.

    Args, returns and raises as `blend`.
    """
    own = _own_sound(video, duration_s)
    if own is None:
        return False
    _write_wav(own, out, duration_s)
    return True


def _own_sound(video: Path, length_s: float) -> Any | None:
    info = probe(video)
    if info.audio_codec is None:
        return None
    own = ffmpeg.input(_local(video), itsoffset=-info.start_s, **SAFE_INPUT).audio
    # the sound may start before or after the first frame: what is missing is silence, what is early
    # is cut
    own = own.filter("aresample", AUDIO_RATE_HZ, **{"async": 1, "first_pts": 0})
    return (
        own.filter("aformat", channel_layouts="stereo").filter("apad").filter("atrim", end=length_s)
    )


def _write_wav(sound: Any, out: Path, duration_s: float) -> None:
    with _whole(out) as part:
        options = {"format": "wav", "c:a": "pcm_f32le", "ac": 2, "rf64": "auto", "threads": THREADS}
        command = ffmpeg.output(sound, _local(part), **options).global_args("-copyts")
        _run(command, out, 120 + 2 * duration_s)


_DUCKING = {"threshold": 0.03, "ratio": 3.5, "attack": 30, "release": 500, "knee": 4}

_EVEN = "pad=ceil(iw/2)*2:ceil(ih/2)*2"  # H.264 in 4:2:0 has even sides


def encode_video(
    frames: Iterable[UInt8[np.ndarray, "height width 3"]],
    fps: int,
    size: tuple[int, int],
    out: Path,
    sound: Path | None,
    *,
    limit_s: float = 3600.0,
    threads: int = THREADS,
    audio_bitrate: str = AUDIO_BITRATE,
) -> None:
    """Frames as H.264, with `sound` as AAC, in an MP4.

    Args:
        frames: RGB pictures, all of `size`, taken one at a time.
        fps: frames a second.
        size: width and height in pixels; an odd side gains a black line.
        out: the MP4; it appears only when whole.
        sound: a sound file, cut or filled to the picture's length; None for a silent video.
        limit_s: when to give up.
        threads: how many x264 may use; the bytes depend on it, so give 1 where they must be the
            same everywhere.
        audio_bitrate: of the AAC, as ffmpeg writes it.

    Raises:
        MediaError: `encode-failed` or `timeout`.
        StoreFull: if there is no space left for `out`.
    """
    width, height = size
    picture = ffmpeg.input(
        "pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=fps
    )
    options: dict[str, Any] = {
        "c:v": "libx264",
        "preset": "veryfast",
        "crf": 21,
        "pix_fmt": "yuv420p",
        "vf": _EVEN,
    }
    options |= {"movflags": "+faststart", "threads": threads}
    with _whole(out) as part:
        shown = ffmpeg.output(picture, _local(part), format="mp4", **options)
        _run(shown, out, limit_s, (frame.tobytes() for frame in frames))
        if sound is not None:
            info = probe(part)
            _mux(
                part,
                sound,
                part,
                info,
                info.duration_s,
                {},
                copy=True,
                limit_s=limit_s,
                audio_bitrate=audio_bitrate,
            )


def _local(path: Path) -> str:
    return f"file:{path.resolve()}"


@contextlib.contextmanager
def _whole(out: Path) -> Iterator[Path]:
    """A name beside `out` to write to, moved to `out` at the end and removed on failure."""
    part = out.with_name(f".{uuid.uuid4().hex}.part")
    try:
        yield part
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


def _run(command: Any, out: Path, limit_s: float, feed: Iterable[bytes] = ()) -> None:
    """Run ffmpeg, writing `feed` to its standard input; ended after `limit_s`."""
    arguments = command.global_args("-hide_banner", "-nostats", "-loglevel", "error").compile(
        cmd=imageio_ffmpeg.get_ffmpeg_exe(), overwrite_output=True
    )
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            arguments, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log
        )
        late = threading.Event()

        def end() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(limit_s, end)
        try:
            _limit_memory(process.pid)
            timer.start()
            _feed(process, feed)
            process.wait()
        finally:
            timer.cancel()
            process.kill()
            process.wait()
        log.seek(0)
        words = log.read().decode(errors="replace")
    if late.is_set():
        raise MediaError(
            f"video {out.name}: ffmpeg was still at work after {limit_s:.0f} s and was ended; "
            "cut the video into parts",
            "timeout",
        )
    if process.returncode != 0:
        raise _failure(out, process.returncode, words)


def _feed(process: subprocess.Popen[bytes], feed: Iterable[bytes]) -> None:
    assert process.stdin is not None
    with (
        contextlib.suppress(BrokenPipeError),
        process.stdin as pipe,
    ):  # an ffmpeg that ended says why on stderr
        for data in feed:
            pipe.write(data)


def _limit_memory(pid: int) -> None:
    if hasattr(resource, "prlimit"):  # Linux
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))


def _failure(out: Path, returncode: int, words: str) -> MediaError | StoreFull:
    if returncode == -signal.SIGXFSZ or re.search(
        "No space left|File too large|quota exceeded", words, re.IGNORECASE
    ):
        return StoreFull(f"file {out.name}: no space left in its folder; free some and run again")
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    reason = lines[-1][:200] if lines else f"it ended with code {returncode}"
    return MediaError(
        f"video {out.name}: ffmpeg could not write it ({reason}); check the video and the sound",
        "encode-failed",
    )
