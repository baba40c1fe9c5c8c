"""What people's files do: clocks that jump, frames that change their size, several sound tracks,
and pictures whose container says more than their bitstream.
"""

import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest
import soundfile

from tests.clips import ffmpeg
from vmt import media
from vmt.errors import MediaError
from vmt.media import writing

PICTURE = ("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=10:duration=2")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p")
SOUND = ("-f", "lavfi", "-i", "sine=440:duration=2")
JOINED = ("-c:a", "aac", "-shortest")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("field")


def part(folder: Path, name: str, *options: str) -> bytes:
    path = folder / name
    if not path.exists():
        ffmpeg(*PICTURE, *SOUND, *H264, "-bf", "0", *JOINED, *options, path)
    return path.read_bytes()


def joined(folder: Path, kind: str) -> Path:
    """Two parts of 2 s, whose clocks the names tell."""
    early = part(folder, "early.ts")
    late = part(folder, "late.ts", "-output_ts_offset", "70")
    hours = part(folder, "hours.ts", "-output_ts_offset", "36000")
    wrapping = part(folder, "wrap.ts", "-output_ts_offset", "95442.5")
    other = part(folder, "other.ts", "-g", "5", "-x264-params", "vui-parameters=1:ref=4")
    path = folder / f"{kind}.ts"
    contents = {
        "again": early + early,
        "forwards": early + late,
        "backwards": late + early,
        "by-hours": early + hours,
        "back-by-hours": hours + early,
        "through-the-wrap": wrapping,
        "wrap-twice": wrapping + wrapping,
        "four-parts": early + hours + early + late,
        "other-encoder": early + other,
    }
    path.write_bytes(contents[kind])
    return path


def packets(path: Path, *options: str) -> Path:
    """The early part in another container, with its timestamps changed."""
    ffmpeg("-i", path.parent / "early.ts", "-c", "copy", *options, path)
    return path


def matroska_leap(folder: Path, seconds: int) -> Path:
    """Picture and sound leap ahead by some seconds after the first one."""
    part(folder, "early.ts")
    leap = f"setts=ts='if(gt(PTS*TB,2.4),TS+{seconds}/TB,TS)'"
    return packets(folder / f"leap{seconds}.mkv", "-bsf:v", leap, "-bsf:a", leap)


CLOCKS: dict[str, tuple[Callable[[Path], Path], float]] = {
    **{
        kind: (lambda folder, kind=kind: joined(folder, kind), seconds)  # type: ignore[misc]
        for kind, seconds in {
            "again": 4.0,
            "forwards": 4.0,
            "backwards": 4.0,
            "by-hours": 4.0,
            "back-by-hours": 4.0,
            "through-the-wrap": 2.0,
            "wrap-twice": 4.0,
            "four-parts": 8.0,
        }.items()
    },
    "matroska-leap": (lambda folder: matroska_leap(folder, 100), 2.0),
    "matroska-offset": (
        lambda folder: packets(folder / "offset.mkv", "-output_ts_offset", "36000"),
        2.0,
    ),
    "mp4-offset": (
        lambda folder: packets(folder / "offset.mp4", "-output_ts_offset", "36000"),
        2.0,
    ),
}


@pytest.fixture(scope="module")
def tracks(folder: Path) -> Path:
    """A quiet track, a track that nobody can decode, and the default one, which is loud."""
    path = folder / "tracks.mkv"
    levels = [f"aevalsrc={level}*sin(2*PI*440*t):d=2:s=48000" for level in (0.1, 0.2, 0.4)]
    inputs = [word for level in levels for word in ("-f", "lavfi", "-i", level)]
    maps = ("-map", "0:v", "-map", "1:a", "-map", "2:a", "-map", "3:a")
    default = ("-disposition:a:0", "0", "-disposition:a:2", "default")
    ffmpeg(*PICTURE, *inputs, *maps, *H264, "-c:a", "flac", *default, path)
    return path


@pytest.fixture(scope="module")
def flat(folder: Path) -> Path:
    ffmpeg(*PICTURE, *H264, folder / "flat.mp4")
    return folder / "flat.mp4"


@pytest.fixture(scope="module")
def hdr(folder: Path) -> Path:
    params = "log-level=none:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
    light = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
    params += f":master-display={light}:max-cll=1000,400"
    hevc = ("-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le")
    options = ("-x265-params", params, "-tag:v", "hvc1", "-strict", "unofficial")
    ffmpeg(*PICTURE, *hevc, *options, folder / "hdr.mp4")
    return folder / "hdr.mp4"


@pytest.fixture(scope="module")
def encoded(folder: Path) -> dict[str, Path]:
    vp9 = ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")
    encoders = {
        "vp9.mkv": vp9,
        "mpeg2.mpg": ("-c:v", "mpeg2video", "-r", "25"),
        "h264.mp4": H264,
        "ten.mp4": ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le"),
        "prores.mov": ("-c:v", "prores_ks"),
    }
    for name, options in encoders.items():
        ffmpeg(*PICTURE, *options, folder / name)
    return {name: folder / name for name in encoders}


class TestClock:
    @pytest.mark.parametrize("kind", CLOCKS)
    def test_the_film_is_as_long_as_its_stretches(
        self, folder: Path, tmp_path: Path, kind: str
    ) -> None:
        part(folder, "early.ts")
        make, seconds = CLOCKS[kind]
        path = make(folder)
        info = media.probe(path)
        assert info.duration_s == pytest.approx(seconds, abs=0.05)
        assert info.frames == round(seconds * 10)

        times = [frame.time_s for frame in media.frames(path)]
        np.testing.assert_allclose(np.diff(times), 0.1, atol=0.003)
        sound = media.sound(path, 8000)
        assert sound is not None
        assert len(sound) == round(info.duration_s * 8000)
        # heard all the time but for the start of each part's encoder
        loud = np.abs(sound).reshape(-1, len(sound) // round(seconds * 10)).max(axis=1) > 0.05
        assert loud.mean() > 0.9

        out = mux(path, tmp_path)
        made = media.probe(out)
        assert (made.frames, made.audio_codec) == (info.frames, "aac")
        assert made.duration_s == pytest.approx(seconds, abs=0.05)
        assert media.own_sound(path, tmp_path / "own.wav", duration_s=info.duration_s)
        own = np.abs(soundfile.read(tmp_path / "own.wav")[0][:, 0])
        blocks = own[: len(own) // 4800 * 4800].reshape(-1, 4800).max(axis=1)
        assert (blocks > 0.05).mean() > 0.9
        assert not [path for path in tmp_path.iterdir() if "part" in path.name]

    def test_a_picture_that_stands_still_under_its_sound_is_no_leap(self, folder: Path) -> None:
        path = folder / "slides.mkv"
        still = "select='lt(n,5)+gt(n,195)'"
        ffmpeg(
            *("-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=40"),
            *("-f", "lavfi", "-i", "sine=440:duration=40"),
            *("-vf", still, "-fps_mode", "passthrough", *H264, "-c:a", "aac", path),
        )
        info = media.probe(path)
        assert info.duration_s == pytest.approx(40, abs=0.3)
        assert not info.timeline

    def test_parts_of_two_encoders_are_encoded_again(self, folder: Path, tmp_path: Path) -> None:
        """One MP4 track has one set of parameters: copied, the second part would not open."""
        path = joined(folder, "other-encoder")
        assert media.probe(path).parameters_change
        assert not media.probe(joined(folder, "again")).parameters_change
        out = mux(path, tmp_path)
        assert media.probe(out).frames == 40
        assert len(list(media.frames(out))) == 40


def mux(video: Path, folder: Path, picture: str = "auto") -> Path:
    soundfile.write(folder / "s.wav", np.full((48_000 * 2, 2), 0.1), 48_000)
    media.mux(
        video,
        folder / "s.wav",
        folder / "out.mp4",
        duration_s=media.probe(video).duration_s,
        picture=picture,
    )
    return folder / "out.mp4"


def described(path: Path) -> str:
    """What ffmpeg says of a file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, check=False).stderr.decode()


class TestNothingIsLost:
    def test_frames_that_change_their_size(self, folder: Path, tmp_path: Path) -> None:
        """As a meeting's recording does when somebody shares a screen."""
        path = folder / "resize.webm"
        vp8 = ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8")
        sizes = []
        for number, size in enumerate(("64x48", "96x64")):
            source = ("-f", "lavfi", "-i", f"testsrc2=size={size}:rate=10:duration=2")
            sizes.append(folder / f"size{number}.webm")
            ffmpeg(*source, *vp8, sizes[-1])
        names = folder / "sizes.txt"
        names.write_text("".join(f"file '{name}'\n" for name in sizes))
        ffmpeg("-f", "concat", "-safe", "0", "-i", names, "-c", "copy", path)
        assert (media.probe(path).frames, len(list(media.frames(path)))) == (40, 40)

        made = media.probe(mux(path, tmp_path))
        assert (made.frames, made.width, made.height) == (40, 64, 48)
        assert made.duration_s == pytest.approx(4, abs=0.05)
        assert made.sound_end_s == pytest.approx(4, abs=0.05)

    def test_frames_closer_than_the_frame_rate_are_kept(self, folder: Path, tmp_path: Path) -> None:
        path = folder / "bunched.mkv"
        bunched = "setpts='if(eq(mod(N,4),3),N-0.8,N)/10/TB'"
        vp8 = ("-c:v", "libvpx", "-deadline", "realtime", "-enc_time_base", "1/1000")
        ffmpeg(*PICTURE, "-vf", bunched, "-fps_mode", "passthrough", *vp8, path)
        assert media.probe(path).frames == 20
        assert media.probe(mux(path, tmp_path)).frames == 20

    def test_what_is_missing_fails_and_says_so(
        self, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = folder / "vp9.webm"
        ffmpeg(*PICTURE, "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", path)
        whole = writing._h264_options
        monkeypatch.setattr(writing, "_h264_options", lambda info: whole(info) | {"frames:v": 11})
        with pytest.raises(
            MediaError, match=r"holds 11 of 20 frames and 1\.\d+ of 2\.\d+ s"
        ) as told:
            mux(path, tmp_path)
        assert told.value.code == "encode-failed"
        assert not (tmp_path / "out.mp4").exists()


class TestSoundTracks:
    def test_the_default_one_is_heard_ducked_and_kept(self, tracks: Path, tmp_path: Path) -> None:
        heard = media.sound(tracks, 8000)
        assert heard is not None
        assert np.abs(heard).max() == pytest.approx(0.4, abs=0.03)
        assert media.own_sound(tracks, tmp_path / "own.wav", duration_s=2.0)
        assert np.abs(soundfile.read(tmp_path / "own.wav")[0]).max() == pytest.approx(0.4, abs=0.02)
        soundfile.write(tmp_path / "none.wav", np.zeros((96_000, 2)), 48_000)
        media.blend(tracks, tmp_path / "none.wav", tmp_path / "mix.wav", duration_s=2.0, duck=True)
        assert np.abs(soundfile.read(tmp_path / "mix.wav")[0]).max() == pytest.approx(0.4, abs=0.02)

    @pytest.mark.parametrize(("number", "level"), [(1, 0.1), (2, 0.2), (3, 0.4)])
    def test_another_one_is_asked_for(
        self, tracks: Path, tmp_path: Path, number: int, level: float
    ) -> None:
        heard = media.sound(tracks, 8000, sound_track=number)
        assert heard is not None
        assert np.abs(heard).max() == pytest.approx(level, abs=0.03)
        media.own_sound(tracks, tmp_path / "own.wav", duration_s=2.0, sound_track=number)
        own = soundfile.read(tmp_path / "own.wav")[0]
        assert np.abs(own).max() == pytest.approx(level, abs=0.02)

    def test_no_such_track(self, tracks: Path) -> None:
        with pytest.raises(MediaError, match="has 3 sound tracks and no track 4; use another"):
            media.probe(tracks, 4)

    def test_a_default_track_that_cannot_be_decoded_is_not_taken(
        self, tracks: Path, tmp_path: Path
    ) -> None:
        """Its codec is one that no ffmpeg knows, as on phones with spatial sound."""
        data = tracks.read_bytes()
        last = data.rindex(b"A_FLAC")
        assert last > data.index(b"A_FLAC")
        path = tmp_path / "spatial.mkv"
        path.write_bytes(data[:last] + b"A_XYZW" + data[last + 6 :])
        info = media.probe(path)
        assert info.audio_codec == "flac"
        assert len(info.sound_codecs) == 3
        heard = media.sound(path, 8000)
        assert heard is not None
        assert np.abs(heard).max() == pytest.approx(0.1, abs=0.02)
        with pytest.raises(MediaError, match=r"sound track 3 .* cannot be decoded; use another"):
            media.probe(path, 3)

    def test_a_sound_that_nobody_can_decode_is_not_silently_dropped(
        self, tracks: Path, tmp_path: Path
    ) -> None:
        path = tmp_path / "spatial.mkv"
        path.write_bytes(tracks.read_bytes().replace(b"A_FLAC", b"A_XYZW"))
        assert media.probe(path).audio_codec is None
        with pytest.raises(MediaError, match=r"its sound .* cannot be decoded"):
            media.own_sound(path, tmp_path / "own.wav", duration_s=2.0)


@pytest.mark.parametrize(
    ("source", "levels"),
    [
        ("0.5*sin(2*PI*440*t):c=mono", (0.5, 0.5)),
        ("0.5*sin(2*PI*440*t)|0.25*sin(2*PI*440*t):c=stereo", (0.5, 0.25)),
        # the centre of 5.1 has its power on both sides
        ("0|0|0.5*sin(2*PI*440*t)|0|0|0:c=5.1", (0.354, 0.354)),
    ],
)
@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_f32le"])
def test_own_sound_keeps_its_level(
    tmp_path: Path, source: str, levels: tuple[float, float], codec: str
) -> None:
    path, out = tmp_path / "a.mov", tmp_path / "o.wav"
    sound = ("-f", "lavfi", "-i", f"aevalsrc={source}:d=2:s=48000")
    ffmpeg(*PICTURE, *sound, *H264, "-c:a", codec, path)
    assert media.own_sound(path, out, duration_s=2.0)
    np.testing.assert_allclose(np.abs(soundfile.read(out)[0]).max(axis=0), levels, atol=0.002)


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def with_boxes(source: Path, out: Path, entry: bytes, boxes: bytes) -> Path:
    """An MP4 whose video sample entry says more; its moov stands after its mdat."""
    data = bytearray(source.read_bytes())
    start, end, sizes = 0, len(data), []
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", entry):
        place = start
        while data[place + 4 : place + 8] != kind:
            place += struct.unpack(">I", data[place : place + 4])[0]
            assert place < end
        sizes.append(place)
        start = place + 8 + 8 * (kind == b"stsd")
    end = sizes[-1] + struct.unpack(">I", data[sizes[-1] : sizes[-1] + 4])[0]
    data[end:end] = boxes
    for place in sizes:
        size = struct.unpack(">I", data[place : place + 4])[0] + len(boxes)
        data[place : place + 4] = struct.pack(">I", size)
    out.write_bytes(data)
    return out


SPHERE = box(b"st3d", b"\0\0\0\0\1") + box(
    b"sv3d",
    box(b"svhd", b"\0\0\0\0test\0")
    + box(b"proj", box(b"prhd", b"\0" * 16) + box(b"equi", b"\0" * 20)),
)
DOLBY = box(b"dvvC", bytes([1, 0]) + struct.pack(">H", 8 << 9 | 4 << 3 | 5) + b"\x40" + b"\0" * 19)


class TestUntouchedPicture:
    @pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
    def test_360_degrees(self, flat: Path, tmp_path: Path, suffix: str) -> None:
        path = with_boxes(flat, tmp_path / "sphere.mp4", b"avc1", SPHERE)
        if suffix == ".mkv":
            ffmpeg("-i", path, "-c", "copy", tmp_path / "sphere.mkv")
        out = mux(path.with_suffix(suffix), tmp_path)
        assert "equirectangular" in described(out)
        assert b"st3d\0\0\0\0\1" in out.read_bytes()  # top and bottom

    def test_dolby_vision(self, hdr: Path, tmp_path: Path) -> None:
        path = with_boxes(hdr, tmp_path / "dolby.mp4", b"hvc1", DOLBY)
        assert "DOVI configuration record" in described(path)
        said = described(mux(path, tmp_path))
        assert "version: 1.0, profile: 8, level: 4" in said
        assert "compatibility id: 4" in said

    def test_hdr_metadata(self, hdr: Path, tmp_path: Path) -> None:
        out = mux(hdr, tmp_path)
        assert "bt2020nc/bt2020/smpte2084" in described(out)
        assert hdr.read_bytes().count(b"mdcv") == out.read_bytes().count(b"mdcv")
        assert hdr.read_bytes().count(b"clli") == out.read_bytes().count(b"clli")

    def test_hdr_that_is_encoded_becomes_sdr(self, hdr: Path, tmp_path: Path) -> None:
        said = described(mux(hdr, tmp_path, picture="h264"))
        assert "h264" in said
        assert "bt709" in said
        assert "Mastering display" not in said

    def test_shape_colour_and_timecode(self, folder: Path, tmp_path: Path) -> None:
        path = tmp_path / "a.mkv"
        colours = ("-color_primaries", "smpte170m", "-color_trc", "bt709", "-colorspace", "bt709")
        wide = ("-vf", "setsar=4/3,setparams=color_primaries=smpte170m")
        ffmpeg(*PICTURE, *wide, "-r", "25", *H264, *colours, "-timecode", "01:02:03:04", path)
        said = described(mux(path, tmp_path))
        assert "SAR 4:3" in said
        assert "smpte170m" in said
        assert "timecode        : 01:02:03:04" in said
        assert "SAR 4:3" in described(mux(path, tmp_path, picture="h264"))

    def test_chapters_start_with_the_picture(self, flat: Path, tmp_path: Path) -> None:
        marks = tmp_path / "marks.txt"
        marks.write_text(
            ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/10\nSTART=0\nEND=5\ntitle=Åse 音\n"
            "[CHAPTER]\nTIMEBASE=1/10\nSTART=5\nEND=20\ntitle=two\n"
        )
        path = tmp_path / "a.mkv"
        ffmpeg("-i", flat, "-i", marks, "-map_metadata", "1", "-c", "copy", path)
        with av.open(str(mux(path, tmp_path))) as container:
            chapters = container.chapters()
        assert [chapter["metadata"]["title"] for chapter in chapters] == ["Åse 音", "two"]
        assert [chapter["start"] * chapter["time_base"] for chapter in chapters] == [0, 0.5]


class TestWhatOpens:
    @pytest.mark.parametrize(
        ("name", "asked", "codec", "reason"),
        [
            ("vp9.mkv", "auto", "h264", "editors and phones seldom open a vp9 picture in MP4"),
            ("vp9.mkv", "copy", "vp9", ""),
            ("vp9.mkv", "h264", "h264", "its picture is vp9, and H.264 was asked for"),
            ("mpeg2.mpg", "auto", "h264", "editors and phones seldom open a mpeg2video picture"),
            ("mpeg2.mpg", "copy", "mpeg2video", ""),
            ("h264.mp4", "auto", "h264", ""),
            ("h264.mp4", "h264", "h264", ""),
            ("ten.mp4", "auto", "h264", "seldom open a h264, yuv420p10le picture in MP4"),
            ("prores.mov", "auto", "h264", "MP4 holds no prores picture"),
        ],
    )
    def test_auto_copy_and_h264(
        self,
        encoded: dict[str, Path],
        tmp_path: Path,
        name: str,
        asked: str,
        codec: str,
        reason: str,
    ) -> None:
        soundfile.write(tmp_path / "s.wav", np.zeros((96_000, 2)), 48_000)
        duration_s = media.probe(encoded[name]).duration_s
        film = media.mux_film(
            encoded[name],
            tmp_path / "s.wav",
            tmp_path / "out.mp4",
            duration_s=duration_s,
            picture=asked,
        )
        assert reason in film.reason
        assert film.picture == ("encoded" if reason else "copied")
        made = media.probe(tmp_path / "out.mp4")
        assert made.video_codec == codec
        assert made.pixel_format == "yuv420p"

    def test_copy_of_what_mp4_does_not_hold_is_refused(
        self, encoded: dict[str, Path], tmp_path: Path
    ) -> None:
        with pytest.raises(MediaError, match="MP4 holds no prores picture, so it cannot be copied"):
            mux(encoded["prores.mov"], tmp_path, picture="copy")
