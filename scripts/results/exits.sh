#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains the exits of docs/results/exits.md and prints their tables.
# usage: scripts/results/exits.sh MILLIJOULE FREEML_CIFAR10_M.onnx CIFAR10_DIR OUT_DIR
set -euo pipefail
program=$1 model=$2 cifar=$3 out=$4
teacher=$(cd "$(dirname "$0")/../.." && pwd)/models/fashion_teacher.onnx
mkdir -p "$out"
sha256sum "$model" "$teacher"
exits() {  # name, then options
  local name=$1; shift
  "$program" exits "$@" --platform msp430fr5994 --views 3 --crop 1 --lr 0.01 -o "$out/$name.onnx" --plot "$out/$name.svg" | tee "$out/$name.txt"
  sha256sum "$out/$name.onnx"
}
freeml() {
  local name=$1; shift
  exits "$name" "$model" --data "cifar10:$cifar" --scale 0.00392156862745098 "$@"
}
# What the network is asked once is kept for those that read the same features.
freeml head16 --width 16 --epochs 72 --features "$out/head.features"
freeml head32 --width 32 --epochs 72 --features "$out/head.features"
freeml gnet --method gnet --width 16 --epochs 72 --features "$out/coarse.features"
freeml pooled --method pooled --epochs 72 --features "$out/coarse.features"
freeml flat --method flat --epochs 12 --features "$out/flat.features"
rm -f "$out"/*.features
exits fashion16 "$teacher" --data fashion-mnist --flip --width 16 --epochs 72
"$program" quantize "$out/head16.onnx" --data "cifar10:$cifar" -o "$out/head16_int8.onnx"
"$program" quantize "$out/fashion16.onnx" --data fashion-mnist -o "$out/fashion16_int8.onnx"
"$program" eval "$out/head16_int8.onnx" --data "cifar10:$cifar"
"$program" eval "$out/fashion16_int8.onnx" --data fashion-mnist
