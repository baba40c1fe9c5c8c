"""librosa's compiled parts in a new installation."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

USE = """
import librosa, numpy
from vmt.features.recognisers.numba_warmup import compile_librosa

compile_librosa()
print(librosa.piptrack(y=numpy.sin(numpy.arange(9000, dtype="float32")), sr=22050)[0].max() > 0)
"""


@pytest.mark.long
def test_processes_that_start_together_in_a_new_installation_leave_nothing_broken(
    tmp_path: Path,
) -> None:
    """Without taking turns two of four attempts left files that killed every process after them."""
    for attempt in range(3):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / str(attempt))}
        command = [sys.executable, "-X", "faulthandler", "-c", USE]
        started = [
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) for _ in range(3)
        ]
        found = [process.communicate()[0] for process in started]
        after = subprocess.run(command, env=environment, capture_output=True, check=True).stdout
        assert {*found, after} == {b"True\n"}
        assert list((tmp_path / str(attempt)).rglob("*.nbi"))
