#!/usr/bin/env bash
# ffmpeg without vector instructions: x264, the filters and the AAC encoder run their plain C code, whose bytes differ
# from those of every processor's own code. REAL_FFMPEG is the program that this one starts; see portability.sh.
set -euo pipefail

arguments=(-cpuflags 0)
for argument in "$@"; do
    arguments+=("$argument")
    if [ "$argument" = libx264 ]; then
        arguments+=(-x264-params "asm=0:threads=${OMP_NUM_THREADS:-1}")
    fi
done
exec "$REAL_FFMPEG" "${arguments[@]}"
