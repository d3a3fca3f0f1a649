#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fuzzes every reader of outside bytes with libFuzzer, address and undefined-behaviour sanitizers, one after the other on all
# cores, and prints a row for docs/results/fuzz.md each. What it finds is left in WORK_FOLDER; a find, once mended, goes to
# tests/fuzz/corpus/TARGET so that ctest replays it.
# usage: scripts/results/fuzz.sh WORK_FOLDER [SECONDS [TARGET...]]     SECONDS are 3600 unless given
set -euo pipefail
work=${1:?usage: $0 WORK_FOLDER [SECONDS [TARGET...]]}
seconds=${2:-3600}
shift $(($# > 1 ? 2 : 1))
cd "$(dirname "$0")/../.."
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(onnx tflite npy text spec platform idx image)

cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target $(printf 'fuzz_%s ' "${targets[@]}") >&2
work=$(mkdir -p "$work" && realpath "$work")
program=$(realpath build/fuzz/tests/fuzz)
corpora=$(realpath tests/fuzz/corpus)
found=0
for target in "${targets[@]}"; do
  mkdir -p "$work/$target"
  log=$work/$target.log
  status=0
  (cd "$work" && "$program/fuzz_$target" -fork="$(nproc)" -max_total_time="$seconds" -rss_limit_mb=3000 -timeout=20 \
    -max_len=8192 -artifact_prefix="$work/$target-" "$target" "$corpora/$target") >"$log" 2>&1 || status=$?
  runs=$(grep -oE '^#[0-9]+' "$log" | tail -n 1 | tr -d '#')
  finds=$(find "$work" -maxdepth 1 -name "$target-*" | wc -l)
  echo "| $target | $seconds s on $(nproc) cores | ${runs:-0} | $finds |"
  [ "$status" -eq 0 ] && [ "$finds" -eq 0 ] || found=1
done
exit $found
