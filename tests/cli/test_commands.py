"""The command line: one line and exit code 1 for what a person can mend, data on stdout."""

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from tests.clips import Clips
from tests.servers import S3Server
from tests.studio import Studio, film_clip
from vmt import cli
from vmt.model.config import ModelConfig
from vmt.model.transformer import VideoMusicTransformer
from vmt.store import LocalStore


@pytest.fixture
def here(studio: Studio, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalStore:
    """A copy of the studio's store, as the environment's."""
    store = studio.copy(tmp_path / "store")
    monkeypatch.setenv("VMT_STORE", str(store.root))
    monkeypatch.setenv("VMT_CACHE", str(studio.settings.cache))
    monkeypatch.setenv("VMT_CLIP_MODEL", studio.settings.clip_model)
    monkeypatch.setenv("VMT_CLIP_WEIGHTS", "untrained:0")
    monkeypatch.setenv("VMT_WORKERS", "0")  # other processes do not know the small CLIP
    return store


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    monkeypatch.setattr(sys, "argv", ["vmt", *arguments])
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    out, err = capsys.readouterr()
    return int(stopped.value.code or 0), out, err


def commands() -> list[list[str]]:
    names: list[list[str]] = [[]]
    groups = [(group.typer_instance, [str(group.name)]) for group in cli.app.registered_groups]
    for group, prefix in [(cli.app, []), *groups]:
        assert group is not None
        for command in group.registered_commands:
            assert command.callback is not None
            names.append([*prefix, command.name or command.callback.__name__.replace("_", "-")])
    return names


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_has_help(command: list[str]) -> None:
    result = CliRunner().invoke(cli.app, [*command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_the_way_of_a_producer(
    here: LocalStore,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    code, out, _ = run(capsys, monkeypatch, "ingest", "--json")
    assert (code, json.loads(out)["found"]) == (0, 3)
    code, out, _ = run(
        capsys, monkeypatch, "dataset", "freeze", "--chords", "25", "--split-by", "id"
    )
    assert (code, out) == (0, "main@v0001\n")
    code, out, _ = run(capsys, monkeypatch, "dataset", "show")
    assert code == 0
    assert "3 videos (1 train, 1 validation, 1 test)" in out
    code, out, err = run(capsys, monkeypatch, "dataset", "freeze", "--split-by", "name")
    assert (code, out) == (2, "")
    assert "'name' is not one of" in err
    code, out, err = run(
        capsys, monkeypatch, "dataset", "freeze", "--chords", "25", "--require-rights"
    )
    assert (code, out) == (1, "")
    assert "3 of 3 videos are without rights" in err
    code, out, _ = run(capsys, monkeypatch, "dataset", "list")
    assert (code, out.count("main@v0001")) == (0, 1)
    code, out, _ = run(capsys, monkeypatch, "dataset", "diff", "main@v1", "main")
    assert code == 0
    assert "added: 0\nremoved: 0\nrenamed: 0\nchanged: 0\n" in out
    small = [
        "--set",
        "epochs=1",
        "--set",
        "d_model=16",
        "--set",
        "n_layers=1",
        "--set",
        "n_heads=2",
    ]
    code, out, _ = run(capsys, monkeypatch, "train", "--preset", "demo", "--run", "mine", *small)
    assert code == 0
    assert "best epoch: " in out
    assert "validation chord NLL" in out
    code, out, _ = run(capsys, monkeypatch, "promote", "mine@1")
    assert code == 0
    assert out.startswith("mine epoch 1 serves since")
    assert run(capsys, monkeypatch, "promote", "mine@0")[0] == 0
    code, out, _ = run(capsys, monkeypatch, "rollback")
    assert code == 0
    assert out.startswith("mine epoch 1 serves since")
    code, out, _ = run(capsys, monkeypatch, "runs", "--json")
    assert "mine" in {each["run"] for each in json.loads(out)}
    code, out, err = run(
        capsys, monkeypatch, "generate", str(film_clip("bikes.mp4")), "--style", "piano", "--json"
    )
    assert code == 0, err
    made: dict[str, Any] = json.loads(out)["made"][0]
    assert here.head(made["files"]["mp4"]) is not None
    code, out, _ = run(
        capsys, monkeypatch, "generate", str(film_clip("bikes.mp4")), "--style", "piano"
    )
    assert code == 0
    assert "bikes: was there, by mine epoch 1" in out
    assert str(here.root / made["files"]["mp4"]) in out


def test_lists_dry_runs_and_replays(
    here: LocalStore,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    here.put_file("inbox/bikes.mp4", film_clip("bikes.mp4"))
    names = tmp_path / "list.txt"
    names.write_text("inbox/bikes.mp4\n")
    piano = ["--style", "piano", "--takes", "2"]
    code, out, err = run(capsys, monkeypatch, "generate", "--list", str(names), *piano, "--dry-run")
    assert code == 0, err
    assert "would be made" in out
    assert not list(here.list("outputs/"))
    code, out, err = run(capsys, monkeypatch, "generate", "--prefix", "inbox/", *piano, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert len(report["made"]) == 2
    assert here.head(report["summary"]) is not None
    files = report["made"][1]["files"]
    before = here.get(files["mid"])
    here.delete(files["mid"])
    code, out, err = run(
        capsys, monkeypatch, "generate", "--replay", str(here.root / files["json"])
    )
    assert code == 0, err
    assert here.get(files["mid"]) == before
    assert "bikes: made, by" in out
    code, out, err = run(capsys, monkeypatch, "evaluate", "--generated", "outputs/")
    assert code == 0, err
    assert "2 outputs under outputs/" in out
    assert "chords_heard" in out
    names = [f"{report['made'][0]['run']}@{epoch}" for epoch in (0, 1)]
    code, out, err = run(
        capsys, monkeypatch, "compare", *names, "--videos", "inbox/bikes.mp4", "--json"
    )
    assert code == 0, err
    assert [each["epoch"] for each in json.loads(out)["contenders"]] == [0, 1]


def test_published_weights_go_in_and_on_and_out(
    here: LocalStore,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    run(capsys, monkeypatch, "ingest")
    run(capsys, monkeypatch, "dataset", "freeze", "fresh")
    file, back = tmp_path / "vmt.pickle", tmp_path / "back.pickle"
    shape = ModelConfig(
        d_semantic=16, n_layers=1, n_heads=2, d_model=16, d_feedforward=8, max_seconds=20
    )
    torch.save(VideoMusicTransformer(shape).state_dict(), file)
    code, out, err = run(
        capsys,
        monkeypatch,
        "weights",
        "import",
        str(file),
        "--dataset",
        "fresh",
        "--run",
        "old",
        "--json",
    )
    assert code == 0, err
    assert json.loads(out) == {"run": "old", "unused": []}
    code, out, _ = run(
        capsys, monkeypatch, "train", "--from", "old@0", "--epochs", "2", "--run", "new", "--json"
    )
    assert (code, json.loads(out)["epochs"]) == (0, 2)
    code, out, err = run(
        capsys, monkeypatch, "generate", str(film_clip("bikes.mp4")), "--run", "old", "--json"
    )
    assert code == 0, err
    code, out, _ = run(capsys, monkeypatch, "weights", "export", "old", str(back))
    assert (code, out) == (0, f"{back}: {back.stat().st_size} bytes\n")
    published, exported = (torch.load(path, weights_only=True) for path in (file, back))
    assert list(exported) == list(published)
    assert all(torch.equal(exported[name], tensor) for name, tensor in published.items())


def test_bad_videos_are_one_line_each_and_the_rest_is_done(
    here: LocalStore,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    clips: Clips,
    tmp_path: Path,
) -> None:
    notes = tmp_path / "notes.mp4"
    notes.write_text("these are no pictures")
    code, out, err = run(
        capsys,
        monkeypatch,
        "generate",
        str(notes),
        str(tmp_path / "gone.mp4"),
        str(clips.get("silent")),
    )
    assert code == 1
    assert "silent: made" in out
    lines = [line for line in err.splitlines() if "failed: " in line]
    assert len(lines) == 2
    assert "notes.mp4" in lines[0]
    assert "gone.mp4" in lines[1]
    here.put("videos/notes.mp4", b"these are no pictures")
    code, out, err = run(capsys, monkeypatch, "ingest")
    assert code == 1
    assert "4 videos: 0 new, 3 known, 1 refused" in out
    assert "videos/notes.mp4: not-media: " in out


@pytest.mark.parametrize(
    ("environment", "arguments", "message"),
    [
        ({"VMT_STORE": "empty"}, ["ingest"], "no video under videos/; put .mp4 files there"),
        ({"VMT_STORE": "empty"}, ["train"], "dataset main: not in the store"),
        ({"VMT_STORE": "empty"}, ["dataset", "show", "a@v9"], "dataset a: not in the store"),
        ({"VMT_STORE": "empty"}, ["promote", "r"], "run r: not in the store"),
        (
            {"VMT_STORE": "empty"},
            ["train", "--from", "r@3", "--epochs", "60"],
            "run r: not in the store",
        ),
        (
            {"VMT_STORE": "empty"},
            ["weights", "import", "gone.pickle"],
            "gone.pickle: cannot be read",
        ),
        ({"VMT_STORE": "empty"}, ["weights", "export", "r", "x.pickle"], "run r: not in the store"),
        ({"VMT_STORE": "ftp://x"}, ["runs"], "store ftp://x: not an address of a store"),
        ({"VMT_STOER": "x"}, ["runs"], "environment variable VMT_STOER is not a setting of VMT"),
        ({"VMT_DEVICE": "tpu"}, ["runs"], "environment variable VMT_DEVICE: "),
        (
            {"VMT_STORE": "empty"},
            ["import", "muvi-sync", "nowhere"],
            "no vevo_meta/split/v1/train.txt",
        ),
        (
            {"VMT_STORE": "empty"},
            ["generate", "x.mp4", "--style", "polka"],
            "style 'polka': there is none; choose one of",
        ),
        (
            {"VMT_STORE": "empty"},
            ["generate", "x.mp4", "--emotion", "bored"],
            "emotion 'bored' must be one of exciting",
        ),
        (
            {"VMT_STORE": "empty"},
            ["generate", "x.mp4", "--emotion", "gone.csv"],
            "gone.csv: cannot be read",
        ),
        (
            {"VMT_STORE": "empty"},
            ["generate", "x.mp4", "--original", "keep"],
            "must be one of replace, mix, duck",
        ),
        ({"VMT_STORE": "empty"}, ["generate", "--list", "gone.txt"], "gone.txt: cannot be read"),
        ({"VMT_STORE": "empty"}, ["generate", "--prefix", "inbox/"], "no video under inbox/"),
        (
            {"VMT_STORE": "empty"},
            ["generate", "--replay", "gone.json"],
            "gone.json: cannot be read",
        ),
        (
            {"VMT_STORE": "empty"},
            ["evaluate", "--generated", "outputs/"],
            "no output under outputs/",
        ),
        (
            {"VMT_STORE": "empty"},
            ["compare", "a@1", "b@2", "--videos", "x.mp4"],
            "run a: not in the store",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_a_person_can_mend_is_one_line(
    environment: dict[str, str],
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tiny_clip: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (
        {"VMT_CLIP_MODEL": tiny_clip, "VMT_CLIP_WEIGHTS": "untrained:0"} | environment
    ).items():
        monkeypatch.setenv(name, value)
    code, out, err = run(capsys, monkeypatch, *arguments)
    assert (code, out) == (1, "")
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_ingest_never_falls_back_to_untrained_weights(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    store = LocalStore(tmp_path / "store")
    store.put("videos/a.mp4", b"x")
    monkeypatch.setenv("VMT_STORE", str(store.root))
    monkeypatch.setenv("VMT_CLIP_WEIGHTS", str(tmp_path / "gone.pt"))
    code, _, err = run(capsys, monkeypatch, "ingest")
    assert code == 1
    assert "gone.pt" in err
    assert not list(store.list("features/"))


def test_wrong_usage_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(capsys, monkeypatch, "promote", "run@best")[0] == 2
    assert run(capsys, monkeypatch, "train", "--set", "epochs")[0] == 2
    assert run(capsys, monkeypatch, "generate")[0] == 2
    assert run(capsys, monkeypatch, "generate", "a.mp4", "--prefix", "inbox/")[0] == 2
    assert run(capsys, monkeypatch, "generate", "--replay", "a.json", "--dry-run")[0] == 2


def test_a_full_disk_ends_in_one_line_and_publishes_nothing_half_written(
    here: LocalStore, clips: Clips, tmp_path: Path
) -> None:
    before = {each.key: each.etag for each in here.list("")}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "vmt.cli",
            "generate",
            str(clips.get("silent")),
            "--run",
            "",
            "--style",
            "piano",
        ],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
    )
    assert done.returncode == 1, done.stderr
    after = {each.key: each.etag for each in here.list("")}
    summaries = {key for key in after if "/batch-" in key}
    assert {key: etag for key, etag in after.items() if key not in summaries} == before
    assert ["no space" in str(json.loads(here.get(key))["failed"]) for key in summaries] == [True]
    assert "no space" in done.stderr.lower() or "full" in done.stderr.lower(), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.server
class TestS3:
    def test_missing_bucket_and_wrong_credentials(
        self, s3: S3Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in s3.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("VMT_STORE", "s3://no-such-bucket/x")
        code, _, err = run(capsys, monkeypatch, "runs")
        assert code == 1
        assert "no-such-bucket" in err
        assert len(err.strip().splitlines()) == 1
        monkeypatch.setenv("VMT_S3_SECRET_ACCESS_KEY", "wrong")
        code, _, err = run(capsys, monkeypatch, "runs")
        assert code == 1
        assert "check the keys in VMT_S3_" in err
        assert len(err.strip().splitlines()) == 1


def test_a_model_from_muvi_sync_in_one_command(
    muvi_layout: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VMT_STORE", str(tmp_path / "store"))
    code, out, _ = run(
        capsys, monkeypatch, "model", str(muvi_layout), "--epochs", "1", "--chords", "25"
    )
    assert code == 0
    assert "dataset muvi-sync@v0001" in out
    assert "song-adaptive n-gram" in out
    assert Path(out.split("the report: ")[1].replace("\n", "")).is_file()
