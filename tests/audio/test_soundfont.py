"""Loading the synthesizer's library."""

import subprocess
import sys

THREADS = """
import sys, threading
from vmt.audio import soundfont
before, gate = sys.stdout, threading.Barrier(8)
def load():
    gate.wait()
    soundfont.fluidsynth_module()
threads = [threading.Thread(target=load) for _ in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert sys.stdout is before
print("kept")
"""


def test_threads_that_load_at_once_leave_stdout_alone() -> None:
    command = [sys.executable, "-c", THREADS]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("kept\n")
