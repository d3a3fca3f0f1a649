#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Compresses the networks of docs/results/compression.md and prints their tables; an interrupted run goes on.
# usage: scripts/results/compression.sh MILLIJOULE FREEML_CIFAR10_M.onnx RESNET20_CIFAR10.onnx CIFAR10_DIR OUT_DIR [EPOCHS]
set -euo pipefail
program=$1 freeml=$2 resnet=$3 cifar=$4 out=$5 epochs=${6:-40}
mkdir -p "$out"
sha256sum "$freeml" "$resnet"
compress() {  # name, model, then options
  local name=$1 model=$2; shift 2
  "$program" compress "$model" --data "cifar10:$cifar" --crop 2 --flip --views 6 --epochs "$epochs" --resume \
    -o "$out/$name.onnx" --json "$out/$name.json" "$@" | tee "$out/$name.txt"
  sha256sum "$out/$name.onnx"
}
pixels="--scale 0.00392156862745098"
# shellcheck disable=SC2086
for limit in 8kB 16kB 24kB 25360B 32kB 64kB 128kB; do
  compress "freeml_$limit" "$freeml" $pixels --nvm "$limit"
  for method in sparsecomp qat8 qat4; do
    compress "freeml_${method}_$limit" "$freeml" $pixels --nvm "$limit" --method "$method" || echo "$method cannot meet $limit"
  done
done
# shellcheck disable=SC2086
compress resnet20_54kB "$resnet" $pixels --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225 --nvm 54kB
