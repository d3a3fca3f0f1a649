#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes docs/results/devices.md: what emulated devices say about cycles, outputs and power cuts. Needs a build folder with the
# program and the targets device_tables and twin_bench, clang, lld, both bare-metal gcc and QEMU. The cuts take most of an hour.
# With the name of a section (cost_lines, predictions, convolutions, outputs, cuts, speed) it prints that one alone.
# usage: scripts/results/devices.sh BUILD_FOLDER FASHION_STUDENT.onnx HAR.onnx RESNET8.tflite [SECTION]     all int8
set -euo pipefail
build=$(realpath "$1") fashion=$(realpath "$2") har=$(realpath "$3") resnet=$(realpath "$4") only=${5:-}
millijoule=$build/bin/millijoule
tables=$(find "$build" -type f -name device_tables -perm -u+x | head -n 1)
bench=$(find "$build" -type f -name twin_bench -perm -u+x | head -n 1)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
out=$(cd "$(dirname "$0")/../.." && pwd)/docs/results/devices.md
platform=msp430fr5994

calibrate() { # machine platform
  [ -f "$scratch/$1.json" ] || "$millijoule" platform calibrate --from-twin "$1" --platform "$2" -o "$scratch/$1.toml" --json "$scratch/$1.json" > /dev/null
}
fitted() { # machine
  echo
  echo '| kernel | layers | mean error | largest error |'
  echo '|---|---:|---:|---:|'
  jq -r '.twin.kernels | to_entries[] | "| \(.key) | \(.value.layers | length) | \(.value.mean_error_left_out * 10000 | round / 100) % | \(.value.largest_error_left_out * 10000 | round / 100) % |"' "$scratch/$1.json"
}
cuts() { # name target model arguments...
  local name=$1 target=$2 model=$3
  shift 3
  "$millijoule" emit "$model" -o "$scratch/$name" --name net --target "$target" --intermittent --platform $platform --charge '500 uJ' > /dev/null
  "$millijoule" powercut "$scratch/$name" --on twin "$@" --json "$scratch/$name.json" > /dev/null
  jq -r --arg n "${name%.*}" '"| \($n) | \(.machine) | \(.instructions) | \(.units) | \(.cut_units) | \(.single_cuts) | \(.restarts) | \(.random_chains) | \(.random_cuts) | \(.divergences) | \(.seconds | floor) |"' "$scratch/$name.json"
}

cost_lines() {
  calibrate msp430fr5994 $platform
  calibrate m4 stm32l4r5
  cat <<TEXT

## Cost lines

\`millijoule platform calibrate --from-twin MACHINE\`: layers of generated networks, each predicted by a fit to all the others.

MSP430FR5994, cycles:
TEXT
  fitted msp430fr5994
  echo
  echo 'Cortex-M4, instructions:'
  fitted m4
  cat <<TEXT

\`product\` holds \`mul\` and \`prelu\`, whose work depends on the data; \`move\` is a small share of any network.
TEXT
}

predictions() {
  calibrate msp430fr5994 $platform
  calibrate m4 stm32l4r5
  cat <<TEXT

## Networks that were not used in the fit

ARCHITECTURE@HxWxC has random weights, stored as /ENCODING/PERCENT says with that share of them kept; the others are trained.
Random input. Target: within 5 %.

MSP430FR5994, cycles:

| network | multiply-accumulates | emulated | predicted | error |
|---|---:|---:|---:|---:|
TEXT
  "$tables" predicted msp430fr5994 "$scratch/msp430fr5994.toml" "$fashion" "$har" resnet-8-w4-s2@28x28x1 resnet-14-w4-s4@32x32x3 \
    lenet-4-w3@28x28x1 dscnn-6-w12-s2@49x10x1 mobilenet-18-w4-s2@32x32x3 \
    resnet-8-w8-s2@28x28x1/dense_int4/100 resnet-8-w8-s2@28x28x1/bitmap_int8/30 resnet-8-w8-s2@28x28x1/bitmap_int4/40 \
    lenet-4-w3@28x28x1/relative_int8/15 resnet-14-w4-s4@32x32x3/relative_int4/20 resnet-8-w8-s2@28x28x1/block4_int8/25 \
    resnet-14-w4-s4@32x32x3/block4_int4/30
  cat <<TEXT

Cortex-M4, instructions:

| network | multiply-accumulates | emulated | predicted | error |
|---|---:|---:|---:|---:|
TEXT
  "$tables" predicted m4 "$scratch/m4.toml" "$resnet" "$fashion" "$har" resnet-20-w8-s2@32x32x3 lenet-5-w6@28x28x1 dscnn-10-w64-s2@49x10x1 \
    mobilenet-18-w8-s2@32x32x3 resnet-20-w8-s2@32x32x3/bitmap_int4/30 resnet-20-w8-s2@32x32x3/relative_int8/15 \
    resnet-20-w8-s2@32x32x3/block4_int8/25
}

convolutions() {
  cat <<TEXT

## Cycles per multiply-accumulate on the MSP430

Whole layers, gathering of windows, requantisation and stores included, over all multiply-accumulates, padding included. Plain C,
\`int32 += int16 * int16\` as the compiler makes it, takes 73. Target: 16 for layers as ResNet-8 has them, which are those of
\`resnet-8-w16\` at any resolution; a stem with one or three channels has too few products for each output.

| network | layer | window and output | multiply-accumulates | cycles per multiply-accumulate |
|---|---|---|---:|---:|
TEXT
  "$tables" convolutions msp430fr5994 resnet-8-w16-s4@32x32x3 "$fashion"
}

outputs() {
  cat <<TEXT

## The same bytes everywhere

Twenty random inputs through firmware built for each machine; every byte of output is compared with the reference evaluator's. The M0
is QEMU's micro:bit with its RAM raised from 16 KB to 256 KB. The 50 KB of state of ResNet-8 do not fit the MSP430. TFLM with
CMSIS-NN takes 29.86 M instructions for this ResNet-8 on a Cortex-M4.

| network | machine | instructions | cycles | stack, bytes | bytes of output | differ |
|---|---|---:|---:|---:|---:|---:|
TEXT
  "$tables" outputs "$fashion" "$har" "$resnet"
}

power_cuts() {
  cat <<TEXT

## Power cuts between instructions

\`millijoule emit MODEL --intermittent --platform $platform --charge '500 uJ'\`, then \`millijoule powercut --on twin\`. Single cuts are made at every
instruction boundary of one unit of every kernel call, chains at random over whole inferences, each run to its end. On the
MSP430 every cut is made; on the M4 boundaries between which non-volatile memory does not change leave the same and share a restart.

| network | machine | instructions | units | units cut | single cuts | restarts | chains | cuts in chains | divergences | seconds |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
TEXT
  cuts fashion.430 msp430 "$fashion" --single --random 22000
  cuts fashion.430 msp430 "$fashion" --random 1200 --seed 2
  cuts fashion.m4 cortex-m "$fashion" --single
  for seed in 1 2 3 4 5 8; do cuts fashion.m4 cortex-m "$fashion" --random 400 --seed $seed; done
}

speed() {
  cat <<TEXT

## Speed of the MSP430 core

\`twin_bench\` on intermittent firmware in the middle of an inference, one core of this machine. \`cut_and_restart\` is going back to a
snapshot, losing the power, and start-up and recovery up to the first instruction of the unit that is repeated. Targets: 30 million
instructions a second, 20 us for a snapshot and its restoration, 50 us for a cut and restart.

\`\`\`
TEXT
  "$bench" --benchmark_min_time=2 --benchmark_repetitions=3 --benchmark_report_aggregates_only 2> /dev/null | grep -v '_stddev\|_cv\|_mean'
  echo '```'
}

if [ -n "$only" ]; then
  [ "$only" = cuts ] && only=power_cuts
  "$only"
  exit
fi
{
  cat <<TEXT
# Emulated devices: cycles and power cuts

Made by \`scripts/results/devices.sh BUILD_FOLDER FASHION_STUDENT.onnx HAR.onnx RESNET8.tflite\`: the student of
\`examples/fashion-msp430\`, a published network for human activity quantised to int8 on noise, and the int8 ResNet-8 of MLPerf Tiny.
TEXT
  cost_lines
  predictions
  convolutions
  outputs
  power_cuts
  speed
} > "$scratch/report.md"
mkdir -p "$(dirname "$out")"
mv "$scratch/report.md" "$out"
