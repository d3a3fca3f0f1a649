#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes docs/results/powercut.md: firmware that survives power cuts, its proof and its price. Needs jq, valgrind, clang, lld and
# arm-none-eabi-gcc.
# usage: scripts/results/powercut.sh MILLIJOULE NAME=CHAINS=CHARGE=MODEL...   random chains, for each int8 ONNX or TFLite file
# scripts/results/sparse_with_exits.sh makes networks with exits. With RESULTS=DIR results are kept there, and those that
# are there already are not measured again. THREADS=N says how many threads cut.
set -euo pipefail
millijoule=$(realpath "$1")
shift
scratch=${RESULTS:-$(mktemp -d)}
[ -n "${RESULTS:-}" ] || trap 'rm -rf "$scratch"' EXIT
mkdir -p "$scratch"
out=$(cd "$(dirname "$0")/../.." && pwd)/docs/results/powercut.md
platform=msp430fr5994

instructions() { # folder input-bytes: of one inference, by the host's -O2 code
  local counts=()
  for n in 1 2; do
    head -c $((n * $2)) "$scratch/noise" > "$scratch/in"
    counts+=("$(valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1/net_run" < "$scratch/in" 2>&1 > /dev/null |
      sed -n 's/.*Collected : //p')")
  done
  echo $((counts[1] - counts[0]))
}
code_bytes() { # folder: code and constants for a Cortex-M4, -Os
  (cd "$1"
  for f in *.c; do [ "$f" = main.c ] || arm-none-eabi-gcc -std=c99 -mcpu=cortex-m4 -mthumb -Os -c "$f" -o "${f%.c}.m4o"; done
  arm-none-eabi-size -t ./*.m4o | tail -n 1 | awk '{print $1}')
}
intermittent() { # model folder charge arguments...
  local model=$1 folder=$2 charge=$3
  shift 3
  "$millijoule" emit "$model" -o "$folder" --name net --intermittent --platform $platform --charge "$charge" "$@" > /dev/null
}
cut() { # folder json arguments...
  local folder=$1 json=$2
  shift 2
  [ -s "$json" ] || "$millijoule" powercut "$folder" "$@" --threads "${THREADS:-0}" --json "$json" > /dev/null
}

head -c 1048576 /dev/urandom > "$scratch/noise"
{
  cat <<TEXT
# Power cuts: proof and price

Made by \`scripts/results/powercut.sh MILLIJOULE NAME=CHAINS=CHARGE=MODEL...\`: every network emitted with
\`--intermittent --platform $platform --charge CHARGE\`, cut with \`millijoule powercut --single --random CHAINS\`.
fashion-student is the example's, resnet8 MLPerf Tiny's int8 file, har-cnn a published network quantised here on
standard-normal noise, har-cnn-split the same with charges that cut its longest sums.
\`scripts/results/sparse_with_exits.sh\` compressed the example's student to 8 kB (sparse-student) and its teacher to 16 kB
(sparse-teacher) and gave them exits, seeing 4,000 images: what a network has learnt does not matter for power cuts. Their
weights are stored in bitmaps, relative indices and halves of bytes.

| network | charge | units | exits | writes | single cuts | chains | cuts in chains | divergences | seconds |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
TEXT
  for pair in "$@"; do
    IFS== read -r name chains charge model <<< "$pair"
    "$millijoule" emit "$model" -o "$scratch/$name.c" --name net > /dev/null
    intermittent "$model" "$scratch/$name.i" "$charge"
    cut "$scratch/$name.i" "$scratch/$name.json" --single --random "$chains"
    jq -r --arg n "$name" --arg c "$charge" '"| \($n) | \($c) | \(.units) | \(.exits) | \(.writes) | \(.single_cuts) | \(.random_chains) | \(.random_cuts) | \(.divergences) | \(.seconds | floor) |"' "$scratch/$name.json"
  done
  cat <<TEXT

With exits, single cuts are tried on every way through the network, to each exit and to the end. All pairs of cuts of a small
network are tried by \`tests/powercut\` (SurvivesAllPairsOfCuts).

## Price

Instructions are callgrind's of one inference to the end of the host's \`-O2\` code, code is a Cortex-M4's \`-Os\` text with
constants; both beside continuous firmware of the same network. Least arena: the largest sum of bytes alive under C1 to C4.

| network | instructions, continuous | intermittent | more | code, continuous | intermittent | more | arena | least arena |
|---|---:|---:|---:|---:|---:|---:|---:|---:|
TEXT
  for pair in "$@"; do
    name=${pair%%=*}
    if [ ! -s "$scratch/$name.price" ]; then
      for kind in c i; do make -s -C "$scratch/$name.$kind" CFLAGS=-O2 > /dev/null; done
      input=$(jq .input.bytes "$scratch/$name.c/manifest.json")
      echo "$(instructions "$scratch/$name.c" "$input") $(instructions "$scratch/$name.i" "$input")" \
        "$(code_bytes "$scratch/$name.c") $(code_bytes "$scratch/$name.i")" > "$scratch/$name.price"
    fi
    read -r c i cc ci < "$scratch/$name.price"
    jq -r --arg n "$name" --arg c "$c" --arg i "$i" --arg cc "$cc" --arg ci "$ci" \
      '"| \($n) | \($c) | \($i) | \(((($i|tonumber) / ($c|tonumber) - 1) * 10000 | round) / 100) % | \($cc) | \($ci) | \(($ci|tonumber) - ($cc|tonumber)) B | \(.arena_bytes) | \(.arena_lower_bound_bytes) |"' "$scratch/$name.json"
  done
  cat <<TEXT

With charges of a few microjoules units are as small as a few outputs, and finding and committing them is a large part of the work.

Bytes written to non-volatile memory by one inference to the end; writes per activation byte that continuous execution
writes, the others apart.

| network | activations | by continuous execution | amplification | partial sums | commits | delivery |
|---|---:|---:|---:|---:|---:|---:|
TEXT
  for pair in "$@"; do
    name=${pair%%=*}
    jq -r --arg n "$name" '"| \($n) | \(.activation_bytes) | \(.continuous_bytes) | \(.write_amplification * 10000 | round / 10000) | \(.partial_bytes) | \(.commit_bytes) | \(.result_bytes) |"' "$scratch/$name.json"
  done
  cat <<TEXT

## Other memories

\`--nvm bytes\` and \`--nvm words\`, \`millijoule powercut --single --random 1000\`: words that are torn are left in three ways,
and every cut in them is followed by cuts of the recovery. Words that are written in part count whole. The first two networks.

| network | memory | units | writes | single cuts | while recovering | divergences | amplification |
|---|---|---:|---:|---:|---:|---:|---:|
TEXT
  for pair in "${@:1:2}"; do
    IFS== read -r name chains charge model <<< "$pair"
    for nvm in bytes words; do
      intermittent "$model" "$scratch/$name.$nvm" "$charge" --nvm $nvm
      cut "$scratch/$name.$nvm" "$scratch/$name.$nvm.json" --single --random 1000
      jq -r --arg n "$name" --arg m $nvm '"| \($n) | \($m) | \(.units) | \(.writes) | \(.single_cuts) | \(.recovery_cuts) | \(.divergences) | \(.write_amplification * 10000 | round / 10000) |"' "$scratch/$name.$nvm.json"
    done
  done
  IFS== read -r name chains charge model <<< "$1"
  intermittent "$model" "$scratch/$name.m430" "$charge" --target msp430
  cut "$scratch/$name.m430" "$scratch/$name.m430.json" --on twin --random 2000
  cat <<TEXT

## Between instructions

The first network on the emulated MSP430FR5994, \`--target msp430\` and \`millijoule powercut --on twin --random 2000\`: cuts at any
instruction, $(jq -r '"\(.instructions) instructions per inference, \(.random_chains) chains of \(.random_cuts) cuts, \(.divergences) divergences"' "$scratch/$name.m430.json").
More on emulated devices: [devices.md](devices.md).

## Planted faults

\`millijoule powercut --single --seed-bug NAME\`, and the same with \`--random 1000\` alone, in the first of these networks that
has a place for it. All are found.

| fault | network | divergences, single | of 1000 chains |
|---|---|---:|---:|
TEXT
  for bug in in-place-residual commit-before-data re-decide in-place-partials stale-volatile-cache; do
    for pair in "$@"; do
      name=${pair%%=*}
      cut "$scratch/$name.i" "$scratch/$name.$bug.s.json" --single --seed-bug $bug 2> /dev/null || true
      [ -s "$scratch/$name.$bug.s.json" ] || continue # no place for it
      cut "$scratch/$name.i" "$scratch/$name.$bug.r.json" --random 1000 --seed-bug $bug 2> /dev/null || true
      jq -s -r --arg n "$name" --arg b $bug '"| \($b) | \($n) | \(.[0].divergences) | \(.[1].divergences) |"' "$scratch/$name.$bug.s.json" "$scratch/$name.$bug.r.json"
      break
    done
  done
} > "$scratch/report.md"
mkdir -p "$(dirname "$out")"
mv "$scratch/report.md" "$out"
