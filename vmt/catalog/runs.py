"""What a run keeps in the store, and which run serves: the only file of this room that reads and
writes.

`Run` knows the keys; `Champion` is the pointer `models/champion.json`, moved by conditional writes
that keep its history.
"""

import json
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from vmt.errors import ObjectNotFound, PreconditionFailed, RunTaken, TrainingError
from vmt.model.checkpoints import load_mode, load_regressor, load_transformer
from vmt.model.chord_model import ChordModel
from vmt.model.mode import ModeModel, constant_mode
from vmt.model.regressor import VideoRegressor
from vmt.store import ObjectStore
from vmt.training.results import EpochResult, from_csv

CHAMPION_KEY = "models/champion.json"
TRAINER = "state/trainer.json"
"""Who trains a run, while somebody does."""
MODE = "regression/mode.safetensors"
"""The model of major and minor, learnt from the run's training songs."""
HASHES = "weights_sha256.json"
"""The SHA-256 of each epoch's weights, by the epoch's number."""


def now() -> str:
    """The time as the store writes it: ISO 8601, UTC, whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class Run:
    """The objects of one run."""

    store: ObjectStore
    name: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", self.name):
            raise TrainingError(
                f"run {self.name!r}: a name has letters, digits, '.', '_' and '-', at most 100"
            )

    def key(self, name: str) -> str:
        """The key of one of the run's objects."""
        return f"runs/{self.name}/{name}"

    def weights_key(self, epoch: int) -> str:
        """The key of an epoch's weights."""
        return self.key(f"weights/epoch_{epoch:04d}.safetensors")

    def read_json(self, name: str) -> dict[str, Any] | None:
        """One of the run's JSON objects, or None."""
        try:
            content: dict[str, Any] = json.loads(self.store.get(self.key(name)))
        except ObjectNotFound:
            return None
        return content

    def write_json(self, name: str, content: object) -> None:
        """Write one of the run's JSON objects."""
        self.store.put(self.key(name), json.dumps(content, indent=1).encode())

    def parameters(self) -> dict[str, Any]:
        """model_params.json.

        Raises:
            TrainingError: if there is no such run.
        """
        found = self.read_json("model_params.json")
        if found is None:
            raise TrainingError(f"run {self.name}: not in the store; `vmt runs` lists what is")
        return found

    def results(self, folder: str = "") -> list[EpochResult]:
        """The rows of results.csv; none before epoch 0 is measured."""
        try:
            return from_csv(self.store.get(self.key(folder + "results.csv")))
        except ObjectNotFound:
            return []

    def best_epoch(self) -> int:
        """The epoch that the run selects.

        Raises:
            TrainingError: if no epoch is finished.
        """
        found = self.read_json("best_epochs.json")
        if found is None:
            raise TrainingError(
                f"run {self.name}: no epoch is finished yet; start `vmt train` again to go on"
            )
        return int(found["selected"])

    def weights(self, epoch: int) -> bytes:
        """An epoch's weights.

        Raises:
            TrainingError: if that epoch has none.
        """
        try:
            return self.store.get(self.weights_key(epoch))
        except ObjectNotFound as error:
            rows = self.results()
            known = (
                f"its table has {rows[0].epoch} to {rows[-1].epoch}"
                if rows
                else "no epoch is finished"
            )
            raise TrainingError(
                f"run {self.name} has no weights of epoch {epoch}; {known}"
            ) from error

    def transformer(self, epoch: int) -> ChordModel:
        """The chord model of an epoch, in eval mode."""
        return load_transformer(self.weights(epoch), self.weights_key(epoch))

    def regressor(self) -> VideoRegressor:
        """The biGRU's best epoch, in eval mode.

        Raises:
            TrainingError: if the run has none.
        """
        key = self.key("regression/best_rmse_weights.safetensors")
        try:
            return load_regressor(self.store.get(key), key)
        except ObjectNotFound as error:
            raise TrainingError(
                f"run {self.name}: its biGRU is not trained; start `vmt train` again to finish "
                "the run"
            ) from error

    def mode(self) -> ModeModel:
        """The model of major and minor; one that knows MuVi-Sync's share of minor alone where the
        run has none, as runs of older versions.
        """
        key = self.key(MODE)
        try:
            return load_mode(self.store.get(key), key)
        except ObjectNotFound:
            return constant_mode()


@dataclass(frozen=True)
class Turn:
    """One process's turn to train a run: whoever takes it last has it, for the one before may be
    dead.

    Should that one live, it finds out before it publishes anything more.
    """

    run: Run
    token: str

    @classmethod
    def take(cls, run: Run) -> "Turn":
        """Take the run from whoever trained it."""
        turn = cls(run, secrets.token_hex(8))
        run.write_json(TRAINER, {"token": turn.token, "since": now()})
        return turn

    def check(self) -> None:
        """Make sure that nobody has taken the run since.

        Raises:
            RunTaken: if somebody has, or has even finished it.
        """
        found = self.run.read_json(TRAINER)
        if found is None or found["token"] != self.token:
            since = "and finished it" if found is None else f"at {found['since']} and trains it"
            raise RunTaken(
                f"run {self.run.name}: another process took it {since}; this one stops, "
                "nothing is lost"
            )

    def end(self) -> None:
        """Nobody trains it any more."""
        self.check()
        self.run.store.delete(self.run.key(TRAINER))


def runs(store: ObjectStore) -> Iterator[Run]:
    """All runs, by name."""
    for name in store.folders("runs/"):
        yield Run(store, name)


@dataclass(frozen=True)
class Champion:
    """The run and epoch that serve, since when, and what served before."""

    run: str
    epoch: int
    since: str
    history: tuple[dict[str, Any], ...] = ()


def read_champion(store: ObjectStore) -> Champion | None:
    """Who serves, or None before the first promotion."""
    return _read_champion(store)[0]


def _read_champion(store: ObjectStore) -> tuple[Champion | None, str | None]:
    try:
        data, etag = store.get_with_etag(CHAMPION_KEY)
    except ObjectNotFound:
        return None, None
    content = json.loads(data)
    return Champion(
        content["run"], content["epoch"], content["since"], tuple(content["history"])
    ), etag


def crown(
    store: ObjectStore, run: str, epoch: int, since: str, *, back_from: Champion | None = None
) -> Champion:
    """Make a run's epoch the champion; naming the present one changes nothing.

    Args:
        store: the store.
        run: the run.
        epoch: its epoch.
        since: the time now.
        back_from: the champion that is rolled back; the history says so of it, and it must serve
            still.

    Raises:
        PreconditionFailed: if another writer moved the pointer meanwhile.
    """
    old, etag = _read_champion(store)
    if back_from is not None and old != back_from:
        raise PreconditionFailed(
            "champion: another writer moved it meanwhile; look at it and roll back again"
        )
    if old is not None and (old.run, old.epoch) == (run, epoch):
        return old
    history = old.history if old else ()
    if old is not None:
        past = {"run": old.run, "epoch": old.epoch, "since": old.since, "until": since}
        history = (*history, past | {"rolled_back": True} if back_from else past)
    new = Champion(run, epoch, since, history)
    content = json.dumps(
        {"run": run, "epoch": epoch, "since": since, "history": list(history)}, indent=1
    ).encode()
    try:
        store.put(CHAMPION_KEY, content, if_absent=etag is None, if_match=etag)
    except PreconditionFailed as error:
        raise PreconditionFailed(
            f"champion: another writer moved it while {run} epoch {epoch} was being promoted; "
            "look at it and try again"
        ) from error
    return new
