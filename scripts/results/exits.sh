#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains the exits of docs/results/exits.md and prints their tables.
# usage: scripts/results/exits.sh MILLIJOULE FREEML_CIFAR10_M.onnx CIFAR10_DIR OUT_DIR
set -euo pipefail
program=$1 model=$2 cifar=$3 out=$4
models=$(cd "$(dirname "$0")/../.." && pwd)/models
teacher=$models/fashion_teacher.onnx plain=$models/plain6_cifar10.onnx
mkdir -p "$out"
sha256sum "$model" "$teacher" "$plain"

# FreeML's network was trained on all training images, so half of the test images choose thresholds and the other half measures
# what they are worth. Files of other than the official length are read as a set cut down on purpose.
record=3073
mkdir -p "$out/chosen" "$out/measured"
for i in 1 2 3 4 5; do
  head -c $((i * 1000 * record)) "$cifar/test_batch.bin" | tail -c $((1000 * record)) > "$out/chosen/data_batch_$i.bin"
  head -c $((9999 * record)) "$cifar/data_batch_$i.bin" > "$out/measured/data_batch_$i.bin"
done
head -c $((1000 * record)) "$cifar/test_batch.bin" > "$out/chosen/test_batch.bin"  # not looked at
tail -c $((5000 * record)) "$cifar/test_batch.bin" > "$out/measured/test_batch.bin"
for names in "$cifar"/batches.meta.txt; do
  [ ! -f "$names" ] || cp "$names" "$out/chosen/"
  [ ! -f "$names" ] || cp "$names" "$out/measured/"
done
exits() {  # name, then options; all but the first head were trained before smaller steps were tried
  local name=$1; shift
  "$program" exits "$@" --batch "${batch:-256}" --platform msp430fr5994 --views 3 --crop 1 --lr 0.01 -o "$out/$name.onnx" --plot "$out/$name.svg" | tee "$out/$name.txt"
  sha256sum "$out/$name.onnx"
}
freeml() {
  local name=$1; shift
  exits "$name" "$model" --data "cifar10:$cifar" --scale 0.00392156862745098 "$@"
}
# What the network is asked once is kept for those that read the same features.
batch=128 freeml head16 --width 16 --epochs 72 --features "$out/head.features"
freeml head32 --width 32 --epochs 72 --features "$out/head.features"
exits head32_chosen "$model" --data "cifar10:$out/measured" --choose-on "cifar10:$out/chosen" --scale 0.00392156862745098 \
  --width 32 --epochs 72
freeml gnet --method gnet --width 16 --epochs 72 --features "$out/coarse.features"
freeml pooled --method pooled --epochs 72 --features "$out/coarse.features"
freeml flat --method flat --epochs 12 --features "$out/flat.features"
rm -f "$out"/*.features
exits plain16 "$plain" --data "cifar10:$cifar" --width 16 --epochs 72 --features "$out/plain.features"
exits plain32 "$plain" --data "cifar10:$cifar" --width 32 --epochs 72 --features "$out/plain.features"
# How the size of a step was chosen: 36 epochs on a network that has not seen its validation images.
for batch in 256 128 64; do exits "plain16_batch$batch" "$plain" --data "cifar10:$cifar" --width 16 --epochs 36 --features "$out/plain.features"; done
unset batch
rm -f "$out"/*.features
exits fashion16 "$teacher" --data fashion-mnist --flip --width 16 --epochs 72
for calibration in 5 4 3 2 1; do
  "$program" quantize "$out/head16.onnx" --data "cifar10:$cifar" --seed $calibration -o "$out/head16_int8.onnx"
  "$program" eval "$out/head16_int8.onnx" --data "cifar10:$cifar"
done
"$program" quantize "$out/plain16.onnx" --data "cifar10:$cifar" -o "$out/plain16_int8.onnx"
"$program" eval "$out/plain16_int8.onnx" --data "cifar10:$cifar"
"$program" quantize "$out/fashion16.onnx" --data fashion-mnist -o "$out/fashion16_int8.onnx"
"$program" eval "$out/fashion16_int8.onnx" --data fashion-mnist
