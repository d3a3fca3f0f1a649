#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains the exits of docs/results/exits.md and prints their tables.
# usage: scripts/results/exits.sh MILLIJOULE FREEML_CIFAR10_M.onnx CIFAR10_DIR OUT_DIR
set -euo pipefail
program=$1 model=$2 cifar=$3 out=$4
mkdir -p "$out"
sha256sum "$model"
exits() {  # name, then options
  local name=$1; shift
  "$program" exits "$model" --data "cifar10:$cifar" --scale 0.00392156862745098 --platform msp430fr5994 \
    --views 3 --crop 1 --lr 0.01 -o "$out/$name.onnx" --plot "$out/$name.svg" "$@" | tee "$out/$name.txt"
  sha256sum "$out/$name.onnx"
}
# Head, gNet and pooled branches read the same features, so the network runs once for all three.
exits head16 --width 16 --epochs 36 --features "$out/pooled.features"
exits head32 --width 32 --epochs 36 --features "$out/pooled.features"
exits gnet --method gnet --width 16 --epochs 36 --features "$out/pooled.features"
exits pooled --method pooled --epochs 36 --features "$out/pooled.features"
exits flat --method flat --epochs 12 --features "$out/flat.features"
"$program" quantize "$out/head16.onnx" --data "cifar10:$cifar" -o "$out/head16_int8.onnx"
for kind in head16 head16_int8; do "$program" eval "$out/$kind.onnx" --data "cifar10:$cifar"; done
