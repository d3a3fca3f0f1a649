#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes docs/results/devices.md: what emulated devices say about cycles and power cuts. Needs a build folder with the program
# and the target predicted_cycles, clang, lld, arm-none-eabi-gcc and QEMU. The cuts take most of an hour.
# usage: scripts/results/devices.sh BUILD_FOLDER FASHION_STUDENT.onnx HAR.onnx RESNET8.tflite     all int8
set -euo pipefail
build=$(realpath "$1") fashion=$(realpath "$2") har=$(realpath "$3") resnet=$(realpath "$4")
millijoule=$build/bin/millijoule
predicted=$(find "$build" -type f -name predicted_cycles -perm -u+x | head -n 1)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
out=$(cd "$(dirname "$0")/../.." && pwd)/docs/results/devices.md
platform=msp430fr5994

calibration() { # machine platform
  "$millijoule" platform calibrate --from-twin "$1" --platform "$2" -o "$scratch/$1.toml" --json "$scratch/$1.json" > /dev/null
  jq -r '.twin.kernels | to_entries[] | "| \(.key) | \(.value.layers | length) | \(.value.mean_error_left_out * 1000 | round / 10) % | \(.value.largest_error_left_out * 1000 | round / 10) % |"' "$scratch/$1.json"
}
cuts() { # name target model machine arguments...
  local name=$1 target=$2 model=$3
  shift 3
  "$millijoule" emit "$model" -o "$scratch/$name" --name net --target "$target" --intermittent --platform $platform --charge '500 uJ' > /dev/null
  "$millijoule" powercut "$scratch/$name" --on twin "$@" --json "$scratch/$name.json" > /dev/null
  jq -r --arg n "${name%%.*}" '"| \($n) | \(.machine) | \(.instructions) | \(.units) | \(.cut_units) | \(.single_cuts) | \(.restarts) | \(.random_chains) | \(.random_cuts) | \(.divergences) | \(.seconds | floor) |"' "$scratch/$name.json"
}
{
  cat <<TEXT
# Emulated devices: cycles and power cuts

Made by \`scripts/results/devices.sh BUILD_FOLDER FASHION_STUDENT.onnx HAR.onnx RESNET8.tflite\`.

## Cost lines

\`millijoule platform calibrate --from-twin\`: layers of generated networks, each predicted by a fit to all the others.

MSP430FR5994, cycles:

| kernel | layers | mean error | largest error |
|---|---:|---:|---:|
TEXT
  calibration msp430fr5994 $platform
  cat <<TEXT

Cortex-M4, instructions:

| kernel | layers | mean error | largest error |
|---|---:|---:|---:|
TEXT
  calibration m4 stm32l4r5
  cat <<TEXT

## Networks that were not used in the fit

ARCHITECTURE@HxWxC has random weights; the others are trained. Random input.

MSP430FR5994, cycles:

| network | multiply-accumulates | emulated | predicted | error |
|---|---:|---:|---:|---:|
TEXT
  "$predicted" "$scratch/msp430fr5994.toml" msp430fr5994 "$fashion" "$har" resnet-8-w4-s2@28x28x1 resnet-14-w4-s4@32x32x3 lenet-4-w3@28x28x1 \
    dscnn-6-w12-s2@49x10x1 mobilenet-18-w4-s2@32x32x3
  cat <<TEXT

Cortex-M4, instructions:

| network | multiply-accumulates | emulated | predicted | error |
|---|---:|---:|---:|---:|
TEXT
  "$predicted" "$scratch/m4.toml" m4 "$resnet" "$fashion" "$har" resnet-20-w8-s2@32x32x3 lenet-5-w6@28x28x1 dscnn-10-w64-s2@49x10x1
  cat <<TEXT

## Power cuts between instructions

Firmware for charges of 500 uJ, cut by \`millijoule powercut --on twin\`. On the MSP430 every cut is made; on the M4 boundaries between
which non-volatile memory does not change leave the same and share a restart.

| network | machine | instructions | units | units cut | single cuts | restarts | chains | cuts in chains | divergences | seconds |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
TEXT
  cuts fashion.430 msp430 "$fashion" --single --random 24000
  cuts har.430 msp430 "$har" --single --random 2000
  cuts fashion.m4 cortex-m "$fashion" --single --random 2500
} > "$scratch/report.md"
mkdir -p "$(dirname "$out")"
mv "$scratch/report.md" "$out"
