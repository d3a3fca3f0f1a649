#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a compressed sparse network with exits, int8, in minutes: for power cuts, to which it does not matter what it learnt.
# usage: scripts/results/sparse_with_exits.sh MILLIJOULE OUT.onnx
set -euo pipefail
millijoule=$(realpath "$1") out=$(realpath -m "$2")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
teacher=$(cd "$(dirname "$0")/../.." && pwd)/models/fashion_teacher.onnx
data=(--data fashion-mnist --threads 1)
"$millijoule" compress "$teacher" "${data[@]}" --nvm 16kB --epochs 2 --float "$scratch/float.onnx" -o "$scratch/sparse.onnx"
"$millijoule" exits "$scratch/float.onnx" "${data[@]}" --epochs 1 -o "$scratch/exits.onnx"
"$millijoule" quantize "$scratch/exits.onnx" "${data[@]}" --images 100 -o "$out"
