"""Reading, muxing and encoding, against ffmpeg's own reading of the same files."""

import hashlib
import os
import re
import resource
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from jaxtyping import Float32, UInt8

from tests.clips import GOOD, KINDS, REFUSED, Clips, ffmpeg
from vmt import media
from vmt.errors import MediaError
from vmt.media import reading, writing

RATE = 22_050
LIKE_OTHERS = {  # when muxed
    *(
        "mono",
        "stereo",
        "two-tracks",
        "short-sound",
        "surround",
        "subtitled",
        "damaged",
        "ntsc-rate",
        "interlaced",
        "ten-bit",
    ),
    *(
        "rotated-180",
        "rotated-270",
        "mkv-mpeg2-ac3",
        "mkv-h265-opus",
        "webm-av1-opus",
        "mp4-mpeg4-mp3",
        "ogv-theora-vorbis",
    ),
}
MUXED = [kind for kind in GOOD if kind not in LIKE_OTHERS]


def ffmpeg_reading(
    path: Path, width: int, height: int
) -> tuple[list[float], UInt8[np.ndarray, "n h w 3"]]:
    """Times by ffmpeg's showinfo filter, from the first frame, and all frames as ffmpeg
    shows them.
    """
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-hide_banner",
        "-nostdin",
        "-copyts",
        "-i",
        str(path),
        "-map",
        "0:V:0",
    ]
    command += [
        "-vf",
        "showinfo",
        "-fps_mode",
        "passthrough",
        "-pix_fmt",
        "rgb24",
        "-f",
        "rawvideo",
        "-",
    ]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)
    times = [
        float(found)
        for found in re.findall(r"pts_time:(\S+)", done.stderr.decode(errors="replace"))
    ]
    frames = np.frombuffer(done.stdout, np.uint8).reshape(-1, height, width, 3)
    return [each - times[0] for each in times], frames


def onset_s(sound: Float32[np.ndarray, " samples"]) -> float:
    """When it starts to be heard."""
    return float(np.argmax(np.abs(sound) > 0.02)) / RATE


class TestReading:
    @pytest.mark.parametrize("kind", GOOD)
    def test_every_frame_at_its_time(self, clips: Clips, kind: str) -> None:
        path = clips.get(kind)
        info = media.probe(path)
        frames = list(media.frames(path))
        times = [frame.time_s for frame in frames]
        assert times[0] == 0
        assert times == sorted(times)
        assert info.frames == len(frames)
        assert {frame.rgb.shape for frame in frames} == {(info.height, info.width, 3)}
        assert times[-1] < info.duration_s < times[-1] + 0.3
        true_times, true_frames = ffmpeg_reading(path, info.width, info.height)
        np.testing.assert_allclose(
            times, true_times, atol=2e-3
        )  # showinfo rounds; Matroska counts milliseconds
        for frame, true in zip(frames, true_frames, strict=True):
            assert (
                np.abs(frame.rgb[::3, ::3].astype(int) - true[::3, ::3]).mean() < 6
            )  # two ffmpegs convert colours
        assert np.abs(frames[-1].rgb.astype(int) - frames[0].rgb).mean() > 4, "the pattern moves"

    @pytest.mark.parametrize("kind", GOOD)
    def test_sound_is_as_long_as_the_picture(self, clips: Clips, kind: str) -> None:
        path = clips.get(kind)
        info = media.probe(path)
        sound = media.sound(path, RATE)
        assert (info.audio_codec is not None) == KINDS[kind].sound == (sound is not None)
        if sound is not None:
            assert len(sound) == round(info.duration_s * RATE)
            assert np.isfinite(sound).all()
            assert 0.05 < np.abs(sound).max() <= 1

    @pytest.mark.parametrize("kind", REFUSED)
    def test_refused_with_reason_and_remedy(self, clips: Clips, kind: str) -> None:
        path = clips.get(kind)
        with pytest.raises(MediaError, match=rf"^video {re.escape(path.name)}: [^\n]+$") as raised:
            media.probe(path)
        assert raised.value.code == KINDS[kind].code
        assert re.search(r"upload|encode|convert|use a", str(raised.value))
        assert str(path.parent) not in str(raised.value)

    def test_at_least_30_odd_kinds(self) -> None:
        assert len(GOOD) >= 30
        assert {code for kind in REFUSED if (code := KINDS[kind].code)} >= {
            "not-media",
            "truncated",
            "no-picture",
            "too-short",
        }

    @pytest.mark.parametrize(
        ("kind", "onset"),
        [
            ("mp4-h264-aac", 1.0),
            ("webm-vp9-opus", 1.0),
            ("starts-at-5", 1.0),
            ("ts-h264-aac", 1.0),
            ("mpg-mpeg2-mp2", 1.0),
            ("late-sound", 1.5),
            ("early-sound", 0.5),
            ("late-picture-mp4", 0.5),
            ("trimmed", 0.3),
            ("avi-mpeg4-mp3", 1.0),
        ],
    )
    def test_sound_on_the_clock_of_the_picture(self, clips: Clips, kind: str, onset: float) -> None:
        sound = media.sound(clips.get(kind), RATE)
        assert sound is not None
        # An AVI has no timestamps: with B-frames, which of its first frames is shown at 0 is a
        # guess.
        assert onset_s(sound) == pytest.approx(onset, abs=0.05 if kind.startswith("avi") else 0.005)

    def test_silence_after_a_short_track(self, clips: Clips) -> None:
        sound = media.sound(clips.get("short-sound"), RATE)
        assert sound is not None
        assert np.abs(sound[round(1.6 * RATE) :]).max() == 0

    def test_the_default_track_is_heard(self, clips: Clips) -> None:
        sound = media.sound(clips.get("two-tracks"), RATE)
        assert sound is not None
        spectrum = np.abs(np.fft.rfft(sound))
        assert np.argmax(spectrum) * RATE / len(sound) == pytest.approx(1000, abs=1)
        assert onset_s(sound) < 0.05

    def test_levels_of_layouts(self, clips: Clips) -> None:
        level = {}
        for kind in ("mono", "stereo", "surround"):
            sound = media.sound(clips.get(kind), RATE)
            assert sound is not None
            level[kind] = float(np.sqrt(np.mean(sound[round(1.5 * RATE) : round(2.5 * RATE)] ** 2)))
        assert level["mono"] == pytest.approx(0.5 / np.sqrt(2), rel=0.02)
        assert level["stereo"] == pytest.approx(
            0.5 / np.sqrt(2) / np.sqrt(2), rel=0.02
        )  # ffmpeg writes -3 dB in both
        assert level["surround"] == pytest.approx(
            0.5 / np.sqrt(2) * 0.7071 / (1 + 3 * 0.7071 - 0.7071), rel=0.02
        )

    def test_a_full_scale_mix_stays_in_full_scale(self, tmp_path: Path) -> None:
        sounds = "|".join(["1-2*lt(sin(2*PI*100*t)\\,0)"] * 6)
        tone = ("-f", "lavfi", "-i", f"aevalsrc='{sounds}':c=5.1:d=2:s=44100")
        path = tmp_path / "a.mkv"
        ffmpeg(
            "-f",
            "lavfi",
            "-i",
            "testsrc2=size=64x64:rate=10:duration=2",
            *tone,
            "-c:a",
            "pcm_f32le",
            path,
        )
        sound = media.sound(path, 44_100)
        assert sound is not None
        assert 0.99 < np.abs(sound).max() <= 1.0001

    @pytest.mark.parametrize(
        ("kind", "size"),
        [("rotated-90", (120, 160)), ("rotated-180", (160, 120)), ("odd-size", (161, 121))],
    )
    def test_shown_size(self, clips: Clips, kind: str, size: tuple[int, int]) -> None:
        info = media.probe(clips.get(kind))
        assert (info.width, info.height) == size

    def test_rates(self, clips: Clips) -> None:
        assert media.probe(clips.get("ntsc-rate")).fps == pytest.approx(30000 / 1001, abs=1e-3)
        assert 15 < media.probe(clips.get("vfr-mp4")).fps < 25

    def test_truncation_is_not_a_longer_sound(self, clips: Clips) -> None:
        assert media.probe(clips.get("long-sound")).duration_s == pytest.approx(3)

    def test_a_change_of_size_keeps_the_first(self, tmp_path: Path) -> None:
        for name, size in (("a", "160x120"), ("b", "96x64")):
            ffmpeg(
                "-f",
                "lavfi",
                "-i",
                f"testsrc2=size={size}:rate=25:duration=1",
                "-c:v",
                "mpeg2video",
                tmp_path / f"{name}.ts",
            )
        joined = tmp_path / "joined.ts"
        joined.write_bytes((tmp_path / "a.ts").read_bytes() + (tmp_path / "b.ts").read_bytes())
        shapes = [frame.rgb.shape for frame in media.frames(joined)]
        assert set(shapes) == {(120, 160, 3)}
        assert len(shapes) > 30

    def test_a_stream_that_begins_in_mid_file(self, clips: Clips, tmp_path: Path) -> None:
        data = bytearray(clips.get("flv-h264-aac").read_bytes())
        sounds, place = [], 13
        while place < len(data):  # FLV is a list of tags: type, size, ...
            if data[place] == 8:
                sounds.append(place)
            place += 15 + int.from_bytes(data[place + 1 : place + 4], "big")
        data[sounds[-5]] = 18  # a sound becomes script data, which ffmpeg makes a stream of
        path = tmp_path / "a.flv"
        path.write_bytes(data)
        assert media.probe(path).duration_s == pytest.approx(3)
        assert sum(1 for _ in media.frames(path)) == 75
        assert media.sound(path, RATE) is not None

    def test_half_of_the_packets_damaged(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mkv"
        ffmpeg("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25:duration=3", "-c:v", "png", path)
        whole = path.read_bytes()
        data = bytearray(whole)
        places = [found.start() for found in re.finditer(b"IDAT", whole)]
        for place in places[len(places) // 2 :]:
            data[place : place + 200] = bytes(200)
        path.write_bytes(data)
        with pytest.raises(MediaError, match="of its picture cannot be decoded") as raised:
            list(media.frames(path))
        assert raised.value.code == "decode-failed"

    @pytest.mark.parametrize(
        "read", [lambda path: list(media.frames(path)), lambda path: media.sound(path, RATE)]
    )
    def test_decoding_that_does_not_keep_up_is_ended(
        self, clips: Clips, read: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("vmt.media.decoding.GRACE_S", 0.0)
        monkeypatch.setattr("vmt.media.decoding.SLOWEST", 1e-9)
        with pytest.raises(MediaError, match=r"decoding took 0 s to get to second \d") as raised:
            read(clips.get("mp4-h264-aac"))
        assert raised.value.code == "timeout"

    def test_memory_does_not_grow_with_length(self, tmp_path: Path) -> None:
        path = tmp_path / "a.mp4"
        ffmpeg(
            "-f",
            "lavfi",
            "-i",
            "testsrc=size=640x360:rate=25:duration=12",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            path,
        )
        code = "import resource, sys, pathlib; from vmt import media\n"
        code += "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        code += "path = pathlib.Path(sys.argv[1]); media.probe(path); frames = media.frames(path)\n"
        code += "for _ in range(50): next(frames)\n"
        code += "before = peak(); count = sum(1 for _ in frames); print(count, peak() - before)"
        done = subprocess.run(
            [sys.executable, "-c", code, path], capture_output=True, timeout=60, check=True
        )
        count, grown_mib = done.stdout.split()
        assert int(count) == 250  # 173 MB as RGB
        assert float(grown_mib) < 40

    def test_closing_early_frees_the_file(self, clips: Clips) -> None:
        frames = media.frames(clips.get("mp4-h264-aac"))
        next(frames)
        frames.close()  # type: ignore[attr-defined]
        assert list(frames) == []


class TestUnsafe:
    def test_no_url_no_folder_no_pipe(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "fifo.mp4")
        for path in (
            Path("http://127.0.0.1:1/a.mp4"),
            tmp_path,
            tmp_path / "none.mp4",
            tmp_path / "fifo.mp4",
            Path("concat:a|b"),
        ):
            with pytest.raises(MediaError, match="not a regular local file") as raised:
                media.probe(path)
            assert raised.value.code == "unsafe"

    def test_names_that_look_like_protocols(
        self, clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for name in ("concat:a.mp4", "-i.mp4", "a %d é.mp4", "http:x.mp4"):
            Path(name).write_bytes(clips.get("mp4-h264-aac").read_bytes())
            info = media.probe(Path(name))
            write_tone(tmp_path / "s.wav", 1)
            assert (
                media.mux(
                    Path(name), Path("s.wav"), Path(f"out-{name}"), duration_s=info.duration_s
                )
                == "copied"
            )
            assert media.probe(Path(f"out-{name}")).duration_s == pytest.approx(3)

    def test_a_picture_too_large(self, clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "MAX_SIDE", 138)  # 160 x 120 pixels are more than 138 x 138
        with pytest.raises(
            MediaError, match="160 x 120 pixels a frame, and VMT takes at most 138 x 138"
        ) as raised:
            media.probe(clips.get("mp4-h264-aac"))
        assert raised.value.code == "unsafe"

    def test_timestamps_of_a_year(self, clips: Clips, tmp_path: Path) -> None:
        path = tmp_path / "a.mkv"
        jump = "setts=ts='if(gt(N,50),PTS+3e10,PTS)'"
        ffmpeg("-i", clips.get("mkv-vp9-alone"), "-c", "copy", "-bsf:v", jump, path)
        with pytest.raises(MediaError, match="at most 6 h") as raised:
            media.probe(path)
        assert raised.value.code == "unsafe"


def write_tone(path: Path, seconds: float, rate: int = 48_000) -> None:
    time = np.arange(round(seconds * rate)) / rate
    soundfile.write(path, np.stack([0.3 * np.sin(2 * np.pi * 330 * time)] * 2, axis=1), rate)


def stream_lengths(path: Path) -> dict[str, tuple[float, float]]:
    """Start and length of each stream of a file, from its header."""
    with av.open(str(path)) as container:
        return {
            stream.type: (
                float((stream.start_time or 0) * stream.time_base),
                float(stream.duration * stream.time_base),
            )
            for stream in container.streams
        }


def picture_hash(path: Path) -> list[str]:
    """Hashes of the picture's packets, without the headers that a container may move."""
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(),
        "-loglevel",
        "error",
        "-nostdin",
        "-i",
        str(path),
        "-map",
        "0:V:0",
    ]
    command += ["-c", "copy", "-f", "framehash", "-hash", "md5", "-"]
    lines = (
        subprocess.run(command, capture_output=True, timeout=60, check=True)
        .stdout.decode()
        .splitlines()
    )
    return [line.split(",")[-1].strip() for line in lines if not line.startswith("#")]


class TestMux:
    @pytest.mark.parametrize("kind", MUXED)
    def test_picture_kept_and_sound_as_long(self, clips: Clips, tmp_path: Path, kind: str) -> None:
        video, out = clips.get(kind), tmp_path / "out.mp4"
        info = media.probe(video)
        write_tone(tmp_path / "s.wav", info.duration_s + (1 if len(kind) % 2 else -1))
        how = media.mux(video, tmp_path / "s.wav", out, duration_s=info.duration_s)
        assert how == ("copied" if KINDS[kind].copied else "encoded")
        lengths = stream_lengths(out)
        assert set(lengths) == {"video", "audio"}
        for start, length in lengths.values():
            assert start == pytest.approx(0, abs=0.001)
            assert length == pytest.approx(info.duration_s, abs=0.02)
        made = media.probe(out)
        assert (made.width, made.height) == (
            info.width + info.width % 2 * (how == "encoded"),
            info.height + info.height % 2 * (how == "encoded"),
        )
        assert made.duration_s == pytest.approx(info.duration_s, abs=0.02)
        assert made.audio_codec == "aac"
        np.testing.assert_allclose(
            [frame.time_s for frame in media.frames(out)],
            [frame.time_s for frame in media.frames(video)],
            atol=0.002,
        )
        sound = media.sound(out, RATE)
        assert sound is not None
        assert onset_s(sound) < 0.03
        assert [path.name for path in tmp_path.iterdir() if "part" in path.name] == []

    @pytest.mark.parametrize(
        "kind",
        ["mp4-h264-aac", "mp4-h265-aac", "mkv-h264-flac", "webm-vp9-opus", "rotated-90", "vfr-mkv"],
    )
    def test_bitstream_unchanged(self, clips: Clips, tmp_path: Path, kind: str) -> None:
        video, out = clips.get(kind), tmp_path / "out.mp4"
        write_tone(tmp_path / "s.wav", 3)
        duration_s = media.probe(video).duration_s
        media.mux(video, tmp_path / "s.wav", out, duration_s=duration_s, picture="copy")
        assert picture_hash(out) == picture_hash(video)

    def test_starts_before_it_is_loaded_and_says_what_it_is(
        self, clips: Clips, tmp_path: Path
    ) -> None:
        out = tmp_path / "out.mp4"
        write_tone(tmp_path / "s.wav", 3)
        tags = {"title": 'a = b; "c" é 音', "comment": "run amt-1, epoch 26\nsecond line"}
        media.mux(clips.get("mp4-h264-aac"), tmp_path / "s.wav", out, duration_s=3.0, metadata=tags)
        data = out.read_bytes()
        assert data.index(b"moov") < data.index(b"mdat")
        with av.open(str(out)) as container:
            assert {name: container.metadata[name] for name in tags} == tags

    def test_same_input_same_bytes(self, clips: Clips, tmp_path: Path) -> None:
        write_tone(tmp_path / "s.wav", 3)
        hashes = set()
        for name in ("a.mp4", "b.mp4"):
            media.mux(
                clips.get("mp4-h264-aac"), tmp_path / "s.wav", tmp_path / name, duration_s=3.0
            )
            hashes.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
        assert len(hashes) == 1

    def test_flac_mono_and_other_rates(self, clips: Clips, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "s.flac", np.full(44_100, 0.5), 44_100)
        media.mux(
            clips.get("mp4-h264-aac"), tmp_path / "s.flac", tmp_path / "out.mp4", duration_s=3.0
        )
        with av.open(str(tmp_path / "out.mp4")) as container:
            assert container.streams.audio[0].rate == 48_000

    def test_a_bad_sound(self, clips: Clips, tmp_path: Path) -> None:
        (tmp_path / "s.wav").write_bytes(b"no sound")
        (tmp_path / "out.mp4").write_bytes(b"old")
        with pytest.raises(
            MediaError, match=r"^video out\.mp4: ffmpeg could not write it \([^\n]+\); check"
        ) as raised:
            media.mux(
                clips.get("mp4-h264-aac"), tmp_path / "s.wav", tmp_path / "out.mp4", duration_s=3.0
            )
        assert raised.value.code == "encode-failed"
        assert (tmp_path / "out.mp4").read_bytes() == b"old"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "s.wav"]

    def test_no_space_left(self, clips: Clips, tmp_path: Path) -> None:
        write_tone(tmp_path / "s.wav", 3)
        code = (
            "import pathlib, resource, sys; from vmt import media; from vmt.errors import "
            "StoreFull\n"
        )
        code += "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        code += "video, sound, out = map(pathlib.Path, sys.argv[1:])\n"
        code += "try: media.mux(video, sound, out, duration_s=3.0)\n"
        code += "except StoreFull as error: print(error)"
        arguments = [
            str(clips.get("mp4-h264-aac")),
            str(tmp_path / "s.wav"),
            str(tmp_path / "out.mp4"),
        ]
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments], capture_output=True, timeout=60, check=True
        )
        assert re.fullmatch(
            rb"file out\.mp4: no space left in its folder; free some and run again\n", done.stdout
        )
        assert [path.name for path in tmp_path.iterdir()] == ["s.wav"]


def pattern(count: int, size: tuple[int, int]) -> list[UInt8[np.ndarray, "h w 3"]]:
    width, height = size
    across = np.linspace(0, 200, width, dtype=np.uint8)
    return [
        np.stack([np.tile(np.roll(across, 3 * number), (height, 1))] * 3, axis=2)
        for number in range(count)
    ]


class TestEncode:
    @pytest.mark.parametrize("size", [(160, 90), (161, 91), (2, 2)])
    def test_round_trip(self, tmp_path: Path, size: tuple[int, int]) -> None:
        write_tone(tmp_path / "s.wav", 5)
        frames = pattern(50, size)
        media.encode_video(iter(frames), 25, size, tmp_path / "a.mp4", tmp_path / "s.wav")
        info = media.probe(tmp_path / "a.mp4")
        assert (info.frames, info.video_codec, info.audio_codec) == (50, "h264", "aac")
        assert (info.width, info.height) == (size[0] + size[0] % 2, size[1] + size[1] % 2)
        for _, length in stream_lengths(tmp_path / "a.mp4").values():
            assert length == pytest.approx(2.0, abs=0.03)
        for read, written in zip(media.frames(tmp_path / "a.mp4"), frames, strict=True):
            assert np.abs(read.rgb[: size[1], : size[0]].astype(int) - written).mean() < 6

    def test_short_sound_is_filled(self, tmp_path: Path) -> None:
        write_tone(tmp_path / "s.wav", 1)
        media.encode_video(
            pattern(50, (64, 64)), 25, (64, 64), tmp_path / "a.mp4", tmp_path / "s.wav"
        )
        sound = media.sound(tmp_path / "a.mp4", RATE)
        assert sound is not None
        assert stream_lengths(tmp_path / "a.mp4")["video"][1] == pytest.approx(2)
        assert np.abs(sound[round(1.2 * RATE) :]).max() < 0.01

    def test_without_sound(self, tmp_path: Path) -> None:
        media.encode_video(pattern(30, (64, 64)), 25, (64, 64), tmp_path / "a.mp4", None)
        assert media.probe(tmp_path / "a.mp4").audio_codec is None
        assert media.sound(tmp_path / "a.mp4", RATE) is None

    def test_a_failing_source_leaves_nothing(self, tmp_path: Path) -> None:
        def frames() -> object:
            yield from pattern(5, (64, 64))
            raise ValueError("the source broke")

        with pytest.raises(ValueError, match="the source broke"):
            media.encode_video(frames(), 25, (64, 64), tmp_path / "a.mp4", None)  # type: ignore[arg-type]
        assert list(tmp_path.iterdir()) == []

    def test_too_slow_is_ended(self, tmp_path: Path) -> None:
        released = threading.Event()

        def frames() -> object:
            yield from pattern(5, (64, 64))
            released.wait(20)
            yield from pattern(200, (64, 64))

        threading.Timer(1.0, released.set).start()
        started = time.monotonic()
        with pytest.raises(MediaError, match=r"still at work after 0 s") as raised:
            media.encode_video(frames(), 25, (64, 64), tmp_path / "a.mp4", None, limit_s=0.3)  # type: ignore[arg-type]
        assert raised.value.code == "timeout"
        assert time.monotonic() - started < 10
        assert list(tmp_path.iterdir()) == []

    def test_ffmpeg_is_gone_afterwards(self, tmp_path: Path) -> None:
        media.encode_video(pattern(5, (64, 64)), 25, (64, 64), tmp_path / "a.mp4", None)
        children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        names = [
            Path(f"/proc/{child}/comm").read_text()
            for child in children
            if Path(f"/proc/{child}/comm").exists()
        ]
        assert not any("ffmpeg" in name for name in names)
        assert stat.S_ISREG((tmp_path / "a.mp4").stat().st_mode)


def test_memory_limit_acts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MEMORY_LIMIT_BYTES", 64 << 20)
    with pytest.raises(MediaError) as raised:
        media.encode_video(pattern(400, (640, 360)), 25, (640, 360), tmp_path / "a.mp4", None)
    assert raised.value.code == "encode-failed"


def test_formats_are_ffmpegs() -> None:
    known = {name for each in av.format.formats_available for name in each.split(",")}
    assert set(reading.FORMATS) <= known
    assert not {"hls", "concat", "dash", "sdp", "rtsp", "image2", "lavfi"} & set(reading.FORMATS)
    assert signal.SIGXFSZ
    assert resource.RLIMIT_AS


@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_hours_in_one_gigabyte(tmp_path: Path) -> None:
    path = tmp_path / "long.mp4"
    picture = ("-f", "lavfi", "-i", "testsrc=size=160x90:rate=5:duration=7200")
    sound = ("-f", "lavfi", "-i", "sine=duration=7200")
    ffmpeg(*picture, *sound, "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", path)
    code = "import re, sys, pathlib; from vmt import media\n"
    code += "path = pathlib.Path(sys.argv[1]); print(media.probe(path).duration_s)\n"
    code += "print(sum(1 for _ in media.frames(path)), len(media.sound(path, 22050)))\n"
    # Of this process alone: the resource usage of a child begins with its parent's.
    code += (
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', "
        "pathlib.Path('/proc/self/status').read_text())[1]) / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, timeout=600, check=True
    )
    duration, frames, samples, peak_mib = map(float, done.stdout.split())
    assert (duration, frames, samples) == (7200, 36_000, 7200 * 22_050)
    assert peak_mib < 1000
