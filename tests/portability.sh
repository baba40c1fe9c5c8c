#!/usr/bin/env bash
# The tests as another processor would run them: other bytes from every encoder, other vector instructions, another order
# of floating-point sums. Twice, with one thread and another core's BLAS, then with two threads and a third core's.
# PYTHON says which Python; arguments go to pytest. x86_64 only: other processors have no such cores to imitate.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}

REAL_FFMPEG="$("$python" -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')"
export REAL_FFMPEG
export IMAGEIO_FFMPEG_EXE="$PWD/tests/plain_ffmpeg.sh"
export ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE NUMBA_CPU_NAME=generic

# Encodes without vector instructions take four times as long, so tests may take longer than they usually may.
for machine in "1 Haswell" "2 Sandybridge"; do
    read -r threads core <<<"$machine"
    echo "tests with $threads threads and OpenBLAS for $core"
    OMP_NUM_THREADS=$threads OPENBLAS_CORETYPE=$core "$python" -m pytest -n 2 --dist loadfile -o timeout=900 "$@"
done
