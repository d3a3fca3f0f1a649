#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes a compressed sparse network with exits, int8, in a minute: for power cuts, to which it does not matter what it learnt. So
# it sees 4,000 images of Fashion-MNIST (Debian's dataset-fashion-mnist, or the folder in FASHION_MNIST).
# usage: scripts/results/sparse_with_exits.sh MILLIJOULE OUT.onnx [MODEL.onnx [SIZE]]     a float network; without one the teacher
set -euo pipefail
millijoule=$(realpath "$1") out=$(realpath -m "$2")
from=${FASHION_MNIST:-/usr/share/datasets/fashion-mnist}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
first() { # file images
  local images=$from/$1-images-idx3-ubyte.gz labels=$from/$1-labels-idx1-ubyte.gz count
  count=$(printf '\\x%02x\\x%02x' $(($2 / 256)) $(($2 % 256)))
  { printf '\0\0\010\3\0\0'"$count"'\0\0\0\34\0\0\0\34'; zcat "$images" | tail -c +17 | head -c $(($2 * 784)); } > "$scratch/$1-images-idx3-ubyte"
  { printf '\0\0\010\1\0\0'"$count"; zcat "$labels" | tail -c +9 | head -c "$2"; } > "$scratch/$1-labels-idx1-ubyte"
}
set +o pipefail  # head ends before zcat does
first train 4000
first t10k 500
model=${3:-$(cd "$(dirname "$0")/../.." && pwd)/models/fashion_teacher.onnx}
data=(--data "idx:$scratch" --threads 1)
"$millijoule" compress "$model" "${data[@]}" --nvm "${4:-16kB}" --epochs 4 --float "$scratch/float.onnx" -o "$scratch/sparse.onnx"
"$millijoule" exits "$scratch/float.onnx" "${data[@]}" --epochs 1 -o "$scratch/exits.onnx"
"$millijoule" quantize "$scratch/exits.onnx" "${data[@]}" --images 100 -o "$out"
