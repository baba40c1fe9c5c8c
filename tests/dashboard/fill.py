"""Fill a store with made-up runs and soundtracks, in the formats that the jobs write: for looking
at and timing.

Nothing in it was trained or generated: losses are drawn from formulas, chords from a fixed
progression, and every film is the same moving gradient with the same tones. Runs and datasets are
named `made-up-...`, records say so.

    python -m tests.dashboard.fill FOLDER --runs 200 --epochs 100 --videos 5000 --outputs 20000
"""

import argparse
import hashlib
import io
import json
import math
import random
import subprocess
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pandas as pd
import pretty_midi

from vmt import chords
from vmt.catalog import documents, keys
from vmt.catalog.page_index_writers import note_refused, note_run, note_soundtracks, note_version
from vmt.catalog.records.datasets import DatasetInfo
from vmt.catalog.records.nights import (
    ChampionNow,
    DatasetGrowth,
    GateVerdict,
    GenerateReport,
    IngestReport,
    NightEvaluation,
    NightReport,
    Refusal,
    TrainingDecision,
)
from vmt.catalog.records.runs import RunSummary
from vmt.features.record import Features
from vmt.media import ContactSheet, Frame
from vmt.reports.charts import confusion_picture
from vmt.reports.night import markdown
from vmt.store import ObjectStore, open_store

MADE_UP = "made up by tests/dashboard/fill.py: nothing was trained or generated"
START = datetime(2025, 12, 4, 3, 30, tzinfo=UTC)
SECONDS = 12
WITH_FILES = 20
PROGRESSION = ("C", "C", "A:min", "A:min", "F:maj7", "F:maj7", "G:7", "G:7")
COLUMNS = (
    "Epoch,Learn rate,Avg Train loss (total),Avg Train loss (chord),Avg Train loss (emotion),"
    "Avg Eval loss (total),Avg Eval loss (chord),Avg Eval loss (emotion)"
)
REGRESSION_COLUMNS = (
    "Epoch,Learn rate,Avg Train loss,Train RMSE (note density),Train RMSE (loudness),"
    "Avg Eval loss,Eval RMSE (note density),Eval RMSE (loudness)"
)
UNIGRAM, BIGRAM = 2.067, 1.475


def iso(hours: float) -> str:
    return (START + timedelta(hours=hours)).isoformat(timespec="seconds")


def put_json(store: ObjectStore, key: str, value: object) -> None:
    store.put(key, (json.dumps(value, indent=1) + "\n").encode())


def losses(epochs: int, draw: random.Random) -> list[dict[str, float]]:
    """Rows that fall like a real training: fast, then flat, validation rising again a little at the
    end.
    """
    rows = []
    floor = draw.uniform(1.25, 1.6)
    turn = draw.uniform(0.5, 0.9) * epochs
    for epoch in range(epochs + 1):
        fall = 3.6 * math.exp(-epoch / (0.12 * epochs + 1))
        train_chord = floor + fall - 0.25 * epoch / epochs + draw.gauss(0, 0.02)
        chord = (
            floor
            + 0.12
            + fall
            + 0.3 * (max(0.0, epoch - turn) / epochs) ** 1.2
            + draw.gauss(0, 0.025)
        )
        train_emotion = 0.52 + 0.12 * math.exp(-epoch / 6) + draw.gauss(0, 0.003)
        emotion = 0.53 + 0.11 * math.exp(-epoch / 6) + draw.gauss(0, 0.004)
        step = 42 * epoch
        rows.append(
            {
                "epoch": epoch,
                "rate": 0.0 if step == 0 else 512**-0.5 * min(step**-0.5, step * 4000**-1.5),
                "train": 0.4 * train_chord + 0.6 * train_emotion,
                "train_chord": train_chord,
                "train_emotion": train_emotion,
                "total": 0.4 * chord + 0.6 * emotion,
                "chord": chord,
                "emotion": emotion,
            }
        )
    return rows


def put_run(
    store: ObjectStore,
    run: str,
    *,
    preset: str = "amt",
    dataset: str = "made-up@v0001",
    epochs: int = 30,
    state: str = "done",
    untrained: bool = False,
    hours: float = 0.0,
    error: str | None = None,
) -> dict[str, Any]:
    """One run; a `running` one stands at two thirds. Returns its summary."""
    draw = random.Random(run)
    planned = epochs
    rows = losses(epochs, draw)[: epochs + 1 if state == "done" else 2 * epochs // 3]
    selected_by = "total" if preset == "amt" else "chord"
    best = {kind: min(rows, key=lambda row: row[kind]) for kind in ("total", "chord", "emotion")}
    clip = (
        f"clip-ViT-B-32-untrained-seed0-{draw.randrange(16**8):08x}"
        if untrained
        else f"clip-ViT-L-14-336-openai-{draw.randrange(16**8):08x}"
    )
    regression = put_regression(store, run, rows=len(rows), draw=draw)
    parameters = 32_517_310 if preset == "amt" else 1_208_447
    size = (
        {"d_model": 512, "n_layers": 6, "n_heads": 8, "d_ff": 1024}
        if preset == "amt"
        else {"d_model": 128, "n_layers": 3, "n_heads": 4, "d_ff": 256}
    )
    model = {
        **size,
        "dropout": 0.1,
        "relative_positions": True,
        "max_video_s": 300,
        "max_chords": 300,
        "max_midi": 2048,
    }
    train = {
        "batch_size": 1,
        "epochs": planned,
        "warmup_steps": 4000,
        "adam_betas": [0.9, 0.98],
        "adam_eps": 1e-8,
    }
    common = {
        "run": run,
        "preset": preset,
        "dataset": dataset,
        "chord_labels": 25,
        "extractor": clip,
        "untrained": untrained,
    }
    extra = {
        "parameters": parameters,
        "precision": "float32",
        "seed": 0,
        "vmt_version": "0.1.0",
        "created_at": iso(hours),
        "note": MADE_UP,
    }
    put_json(
        store, f"runs/{run}/model_params.json", {**common, **extra, "model": model, "train": train}
    )
    order = ("epoch", "rate", "train", "train_chord", "train_emotion", "total", "chord", "emotion")
    lines = [",".join(str(row[name]) for name in order) for row in rows]
    store.put(f"runs/{run}/results.csv", ("\n".join([COLUMNS, *lines]) + "\n").encode())
    chosen = best[selected_by]
    put_json(
        store,
        f"runs/{run}/best_epochs.json",
        {
            "selected_by": selected_by,
            "selected": chosen["epoch"],
            "best": {
                kind: {"epoch": row["epoch"], "value": row[kind]} for kind, row in best.items()
            },
        },
    )
    seconds = 45.0 * len(rows)
    summary = {
        **common,
        "state": state,
        "started_at": iso(hours),
        "finished_at": None if state == "running" else iso(hours + seconds / 3600),
        "seconds": seconds,
        "epochs": rows[-1]["epoch"],
        "planned_epochs": planned,
        "best_epoch": chosen["epoch"],
        "selected_by": selected_by,
        "best": {kind: chosen[kind] for kind in best},
        "last": {kind: rows[-1][kind] for kind in best},
        "baselines": {"unigram": UNIGRAM, "bigram": BIGRAM},
        "regression": regression,
        "error": error,
    }
    put_json(store, f"runs/{run}/summary.json", summary)
    return summary


def put_regression(
    store: ObjectStore, run: str, *, rows: int, draw: random.Random
) -> dict[str, Any]:
    lines, measured = [REGRESSION_COLUMNS], []
    for epoch in range(rows):
        fall = math.exp(-epoch / 5)
        density, loudness = (
            4.8 + 2 * fall + draw.gauss(0, 0.04),
            0.097 + 0.05 * fall + draw.gauss(0, 0.001),
        )
        measured.append((density, loudness))
        loss = density**2 + loudness**2
        lines.append(
            f"{epoch},0.0001,{0.94 * loss},{0.97 * density},{0.97 * loudness},{loss},{density},{loudness}"  # noqa: E501
        )
    store.put(f"runs/{run}/regression/results.csv", ("\n".join(lines) + "\n").encode())
    best = min(range(rows), key=lambda epoch: measured[epoch][0])
    return {
        "best_epoch": best,
        "rmse_note_density": measured[best][0],
        "rmse_loudness": measured[best][1],
        "constant_rmse_note_density": 5.08,
        "constant_rmse_loudness": 0.102,
    }


@cache
def media(kind: str) -> bytes:
    """A real file of 12 s, H.264 with AAC or FLAC, from ffmpeg's own test sources."""
    picture = [
        "-f",
        "lavfi",
        "-i",
        f"gradients=size=640x360:rate=25:duration={SECONDS}:speed=0.02:c0=0x1b3a5c:c1=0xd98e4a:seed=1",
    ]
    tones = "+".join(f"0.12*sin(2*PI*{hz}*t)*exp(-1.5*mod(t\\,1))" for hz in (261.6, 329.6, 392.0))
    sound = [
        "-f",
        "lavfi",
        "-i",
        f"aevalsrc=exprs={tones}|{tones}:sample_rate=48000:duration={SECONDS}",
    ]
    h264 = [
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
        "-g",
        "50",
        "-c:a",
        "aac",
        "-movflags",
        "+faststart",
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"media.{kind}"
        command = [*picture, *sound, *h264] if kind == "mp4" else [*sound, "-c:a", "flac"]
        subprocess.run(
            [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *command, str(path)],
            check=True,
            timeout=60,
        )
        return path.read_bytes()


def midi(labels: list[str]) -> bytes:
    music = pretty_midi.PrettyMIDI(initial_tempo=96)
    piano, bass = pretty_midi.Instrument(0, name="piano"), pretty_midi.Instrument(33, name="bass")
    for second, label in enumerate(labels):
        tones = chords.pitch_classes(chords.token(label))
        for beat, tone in enumerate(tones):
            start = second + 0.25 * (beat % 4)
            piano.notes.append(pretty_midi.Note(70 + 8 * beat, 60 + tone, start, second + 1.0))
        for tone in tones[:1]:
            bass.notes.append(pretty_midi.Note(84, 36 + tone, float(second), second + 0.9))
    music.instruments += [piano, bass]
    written = io.BytesIO()
    music.write(written)
    return written.getvalue()


def put_output(
    store: ObjectStore,
    run: str,
    epoch: int,
    video: str,
    take: str,
    *,
    untrained: bool = False,
    hours: float = 9.0,
    files_too: bool = True,
) -> str:
    """One soundtrack with all five files, or with its record alone. Returns its prefix."""
    draw = random.Random(f"{run}{epoch}{video}{take}")
    labels = [PROGRESSION[second % len(PROGRESSION)] for second in range(SECONDS)]
    prefix = f"outputs/{run}/epoch_{epoch:04d}/{video}/{take}/"
    files = {kind: f"{prefix}{video}_cgen_rd.{kind}" for kind in ("lab", "mid", "flac", "mp4")}
    lab = chords.format_lab(labels, chords.Key(0, False)).encode()
    if files_too:
        for kind, content in (
            ("lab", lab),
            ("mid", midi(labels)),
            ("flac", media("flac")),
            ("mp4", media("mp4")),
        ):
            store.put(files[kind], content)
    emotion = []
    for second in range(SECONDS):
        shares = [
            draw.random() ** 3 + (1.0 if index == second // 4 else 0.05) for index in range(6)
        ]
        emotion.append([share / sum(shares) for share in shares])
    record = {
        "video": {
            "id": video,
            "key": f"inbox/{video}.mp4",
            "sha256": f"{draw.randrange(16**64):064x}",
            "duration_s": float(SECONDS),
        },
        "run": run,
        "epoch": epoch,
        "weights_sha256": f"{draw.randrange(16**64):064x}",
        "seed": 0,
        "settings": {
            "style": "band",
            "temperature": 1.0,
            "top_k": 5,
            "tempo_bpm": None,
            "accents": 0.5,
            "note": MADE_UP,
        },
        "take": take,
        "files": files,
        "made_at": iso(hours),
        "key": "C major",
        "tempo_bpm": 96.0,
        "picture": "copied",
        "original_sound": "replaced",
        "score_sha256": f"{draw.randrange(16**64):064x}",
        "precision": "float32",
        "soundfont": {"name": MADE_UP, "sha256": f"{draw.randrange(16**64):064x}"},
        "extractor": "made-up",
        "chords": labels,
        "curves": {
            "emotion": emotion,
            "loudness": [
                0.08 + 0.05 * math.sin(second / 2) + 0.01 * draw.random()
                for second in range(SECONDS)
            ],
            "note_density": [
                4 + 3 * math.sin(second / 3) + draw.random() for second in range(SECONDS)
            ],
            "motion": [
                0.0 if second == 0 else 12 + 10 * draw.random() for second in range(SECONDS)
            ],
        },
        "cuts_s": [3.4, 7.9],
        "untrained": untrained,
        "vmt_version": "0.1.0",
    }
    put_json(store, f"{prefix}{video}_cgen_rd.json", record)
    return prefix


def put_features(
    store: ObjectStore, video: str, *, seconds: int = SECONDS, untrained: bool = False
) -> str:
    """A features record with numbers out of nothing. Returns its key."""
    draw = np.random.default_rng(hash_of(video))
    share = draw.dirichlet(np.full(6, 0.4), seconds).astype(np.float32)
    clip = "ViT-B-32 untrained:0" if untrained else "ViT-L-14-336 openai"
    record = Features(
        semantic=draw.normal(size=(seconds, 8)).astype(np.float32),
        emotion=share,
        scene_offset=(np.arange(seconds) % 5).astype(np.int32),
        motion=np.where(np.arange(seconds) == 0, 0, draw.uniform(5, 30, seconds)).astype(
            np.float32
        ),
        loudness=draw.uniform(0.05, 0.2, seconds).astype(np.float32),
        note_density=draw.uniform(0, 9, seconds).astype(np.float32),
        chord=tuple(PROGRESSION[second % len(PROGRESSION)] for second in range(seconds)),
        key=chords.Key(0, False),
        duration_s=float(seconds),
        source_sha256=f"{hash_of(video):064x}",
        extractors={"semantic": clip, "chord": MADE_UP},
        cuts_s=(4.8, 9.7),
    )
    key = f"features/made-up/{record.source_sha256}.safetensors"
    store.put(key, record.to_bytes())
    return key


def hash_of(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest())


def put_dataset(
    store: ObjectStore,
    name: str,
    version: int,
    videos: int,
    *,
    records: int = 2,
    untrained: bool = False,
) -> None:
    """One version; the first `records` videos have features and a film."""
    keys = [
        put_features(store, f"{number:03d}", untrained=untrained)
        for number in range(min(records, videos))
    ]
    for number in range(min(records, videos)):
        store.put(f"videos/{number:03d}.mp4", media("mp4"))
    sides = [
        "validation" if number % 10 == 8 else "test" if number % 10 == 9 else "train"
        for number in range(videos)
    ]
    ids = [f"{number:03d}" for number in range(videos)]
    moods = [chords.EMOTIONS[hash_of(each) % 6] for each in ids]
    tones = [str(chords.Key(hash_of(each) // 7 % 12, hash_of(each) % 3 == 0)) for each in ids]
    manifest = pd.DataFrame(
        {
            "id": ids,
            "key": [f"videos/{each}.mp4" for each in ids],
            "sha256": [f"{hash_of(each):064x}" for each in ids],
            "split": sides,
            "seconds": SECONDS,
            "duration_s": float(SECONDS),
            "features_key": [
                keys[number] if number < len(keys) else "features/made-up/none"
                for number in range(videos)
            ],
            "song_key": tones,
            "emotion": moods,
        }
    )
    table = io.BytesIO()
    manifest.to_parquet(table, index=False)
    prefix = f"datasets/{name}/v{version:04d}/"
    store.put(f"{prefix}manifest.parquet", table.getvalue())
    spread = {
        label: 400 - 17 * index
        for index, label in enumerate(
            ["C", "G", "A:min", "F", "D:min", "E:min", "N", "D", "A", "E"]
        )
    }
    put_json(
        store,
        f"{prefix}dataset.json",
        {
            "name": name,
            "version": version,
            "chord_labels": 25,
            "extractor": "made-up",
            "untrained": untrained,
            "created_at": iso(24 * version),
            "videos": videos,
            "seconds": videos * SECONDS,
            "splits": {side: sides.count(side) for side in ("train", "validation", "test")},
            "keys": dict(Counter(tones).most_common()),
            "chords": spread,
            "emotions": dict(Counter(moods).most_common()),
            "changes": {"added": ids[-5:], "removed": []},
            "note": MADE_UP,
        },
    )


def put_report(store: ObjectStore, run: str) -> None:
    """Words of a run's report, in the shape that `vmt report` gives them."""
    for language, title, sentence in (
        (
            "en",
            "Analysis",
            "Made-up words: the validation loss stops falling two thirds of the way.",
        ),
        ("zh", "训练分析", "虚构文字：验证损失在三分之二处停止下降。"),
    ):
        text = f"# {run}\n\n## {title}\n\n- {sentence}\n"
        store.put(f"runs/{run}/report.{language}.md", text.encode())


def put_evaluation(
    store: ObjectStore, run: str, epoch: int, *, split: str = "validation", songs: int = 6
) -> str:
    """What an evaluation stores. Returns its key."""
    gain = {"value": 0.12, "low": 0.04, "high": 0.21, "songs": songs}
    score = {"chord": 1.502, "emotion": 0.62, "total": 0.973, "changes_chord": 2.9}
    score |= {f"{where}h{k}": 0.5 + k / 50 for k in (1, 3, 5) for where in ("", "changes_")}
    bigram = {"chord": 1.633, "emotion": None, "total": None, "changes_chord": 3.1, "h1": 0.4}
    rhythm = {"rmse": 4.8, "constant_rmse": 5.1, "gain": gain, "video_gain": None}
    content = {
        "run": run,
        "epoch": epoch,
        "dataset": "made-up@v0001",
        "split": split,
        "trained_on": "made-up@v0001",
        "songs": songs,
        "seen_in_training": [],
        "made_at": iso(20),
        "rows": {"model": score | {"correspondence": 0.7}, "bigram": bigram},
        "video_gain": gain,
        "gain_over_song_adaptive": None,
        "rhythm": {"note_density": rhythm | {"correlation": 0.41}, "loudness": None},
        "seconds_read": SECONDS,
        "emotion_counts_padding": False,
        "affective_table": {"lift": 0.0, "shift": 0.0},
        "confusion": {"chords": ["C", "G"], "seconds": [[8, 1, 1], [2, 7, 1]]},
    }
    key = f"evaluations/{run}/epoch_{epoch:04d}-made-up-v0001-{split}"
    picture = confusion_picture(["C", "G"], ["C", "G", "other"], [[8, 1, 1], [2, 7, 1]])
    store.put(f"{key}.svg", picture.encode())
    put_json(store, f"{key}.json", content)
    return f"{key}.json"


def put_night(store: ObjectStore, date: str = "2025-12-05") -> None:
    """A nightly report, as data and as Markdown."""
    names = [f"{number:03d}" for number in range(55)]
    refused = (Refusal("videos/silent.mp4", "no-sound", f"no sound ({MADE_UP})"),)
    best = {"total": 1.08, "chord": 1.75, "emotion": 0.62}
    night = NightReport(
        started_at=f"{date}T03:30:00+00:00",
        finished_at=f"{date}T04:10:00+00:00",
        state="done",
        asked={"force": False, "grow_share": 0.05, "grow_videos": 10},
        ingest=IngestReport("made-up", 56, 15, 40, refused, (), ()),
        dataset=DatasetGrowth("made-up@v0004", 55, "made-up@v0003", 40, tuple(names[40:])),
        decision=TrainingDecision(True, "made up"),
        run="made-up-amt",
        training=RunSummary("made-up-amt", "done", best=best, best_epoch=26, epochs=30),
        evaluation=NightEvaluation("evaluations/made-up-amt/epoch_0026.json"),
        gate=GateVerdict(True, "made up", "made-up-amt", 26, 1.5, 1.6, 10, 0.01),
        promoted=True,
        verdict="made up",
        champion=ChampionNow("made-up-amt", 26, iso(10)),
        soundtracks=GenerateReport((), (), ()),
    )
    documents.write(store, keys.night_report(night.started_at), night)
    store.put(keys.night_text(night.started_at), markdown(night).encode())


def put_thumbnails(store: ObjectStore, video: str) -> None:
    """A sheet in place of the one that ingest makes."""
    sheet = ContactSheet(6.0)
    ramp = np.linspace(40, 220, 160 * 90 * 3).reshape(90, 160, 3)
    frames = [Frame(k + 0.5, np.roll(ramp, 24 * k, axis=1).astype(np.uint8)) for k in range(6)]
    list(sheet.watch(frames))
    store.put(keys.thumbnail(f"{hash_of(video):064x}"), sheet.jpeg())


def put_refusal(store: ObjectStore, video: str, code: str, reason: str) -> None:
    record = {
        "id": video,
        "key": f"videos/{video}.mp4",
        "etag": "e",
        "sha256": None,
        "code": code,
        "reason": reason,
    }
    put_json(store, f"quarantine/{video}.json", {**record, "extractor": "made-up", "at": iso(30)})


def put_champion(store: ObjectStore, run: str, epoch: int) -> None:
    put_json(
        store,
        "models/champion.json",
        {
            "run": run,
            "epoch": epoch,
            "since": iso(10),
            "history": [{"run": "made-up-old", "epoch": 12, "since": iso(-300), "until": iso(10)}],
        },
    )


def fill(store: ObjectStore) -> dict[str, dict[str, Any]]:
    """A small store with a run in every state and a few soundtracks. Returns the runs' summaries by
    name.
    """
    made = {
        "made-up-amt": put_run(store, "made-up-amt"),
        "made-up-demo": put_run(
            store, "made-up-demo", preset="demo", epochs=20, untrained=True, hours=24
        ),
        "made-up-live": put_run(store, "made-up-live", state="running", hours=48),
        "made-up-lost": put_run(
            store,
            "made-up-lost",
            state="failed",
            hours=36,
            error=(
                "loss is not finite at epoch 19, step 812; lower the learning rate and start again"
            ),
        ),
    }
    best = made["made-up-amt"]["best_epoch"]
    put_champion(store, "made-up-amt", best)
    for video in ("015", "049"):
        put_output(store, "made-up-amt", best, video, "3fd91c07")
        put_output(store, "made-up-amt", 30, video, "3fd91c07")
    put_output(store, "made-up-amt", best, "015", "b2a6e85d", hours=9.5)
    put_output(
        store,
        "made-up-demo",
        made["made-up-demo"]["best_epoch"],
        "015",
        "77c0aa12",
        untrained=True,
        hours=25,
    )
    put_report(store, "made-up-amt")
    put_night(store)
    put_thumbnails(store, "000")
    for version, videos in enumerate((16, 25, 40, 55), start=1):
        put_dataset(store, "made-up", version, videos)
    put_refusal(
        store,
        "902",
        "no-sound",
        "video 902: no audio stream, and no 902.lab beside it; add an annotation or drop it",
    )
    put_refusal(
        store, "911", "truncated", "video 911: the file ends after 3.2 s of 41.0 s; upload it again"
    )
    return made


def fill_large(store: ObjectStore, *, runs: int, epochs: int, videos: int, outputs: int) -> None:
    """A large store, for timing: many runs, one wide dataset, and outputs spread over runs and
    videos.

    Only the first `WITH_FILES` outputs have their files; the others have records alone.
    """
    names = [f"made-up-{number:03d}" for number in range(runs)]
    for number, run in enumerate(names):
        put_run(
            store, run, preset="demo" if number % 3 else "amt", epochs=epochs, hours=24 * number
        )
    put_champion(store, names[-1], epochs)
    put_dataset(store, "made-up", 1, videos)
    made: dict[str, list[tuple[str, str]]] = {}
    for number in range(outputs):
        run, video = names[-1 - number % min(10, runs)], f"{number // 10 % videos:03d}"
        take = f"{hash_of(str(number)):064x}"[:8]
        put_output(store, run, epochs, video, take, files_too=number < WITH_FILES)
        made.setdefault(run, []).append((video, take))
    put_summaries(store, names, epochs, made)


def put_summaries(
    store: ObjectStore, runs: list[str], epoch: int, made: dict[str, list[tuple[str, str]]]
) -> None:
    """What jobs note for pages as they end."""
    for run in runs:
        note_run(store, run)
    info = documents.read(store, keys.dataset_info("made-up", 1), DatasetInfo)
    assert info is not None
    note_version(store, info)
    note_refused(store, "videos/", {})
    for run, takes in made.items():
        by_video: dict[str, list[str]] = {}
        for video, take in takes:
            by_video.setdefault(video, []).append(take)
        put_json(store, keys.takes_index(run, epoch), {"schema": 1, "videos": by_video})
    run, takes = runs[-1], made.get(runs[-1], [])[:2]
    records = [
        f"outputs/{run}/epoch_{epoch:04d}/{video}/{take}/{video}_cgen_rd.json"
        for video, take in takes
    ]
    note_soundtracks(store, run, epoch, takes, records)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("store", help="a folder or s3://bucket/prefix")
    parser.add_argument("--runs", type=int, help="make a large store with so many runs")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--videos", type=int, default=5000)
    parser.add_argument("--outputs", type=int, default=20_000)
    arguments = parser.parse_args()
    store = open_store(arguments.store)
    if arguments.runs is None:
        fill(store)
    else:
        sizes = {name: getattr(arguments, name) for name in ("runs", "epochs", "videos", "outputs")}
        fill_large(store, **sizes)
    print(MADE_UP)


if __name__ == "__main__":
    main()
