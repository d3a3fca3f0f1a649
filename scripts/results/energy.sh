#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Writes docs/results/energy.md: the accelerator model against public measurements of a ZCU102 (MaistoV/xilinx-zcu102-power), and
# platforms/zcu102-*.toml from them.
# usage: scripts/results/energy.sh ZCU102_FOLDER [MILLIJOULE]
set -euo pipefail
data=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
millijoule=${2:-build/release/bin/millijoule}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Published tables: energy in mJ and seconds per run, by the truncated network's depth.
table() { # family name
  paste -d, <(tail -n +2 "$data/preprocessed/cifar10_$1_energy.csv") <(tail -n +2 "$data/preprocessed/cifar10_$1_runtime.csv") |
    awk -F, -v name="$2" '{ sub(/.*-0*/, "", $1); print name "-" $1 "-s2," $2 "," $4 }'
}
# Mean power (PS and PL, in mW) times seconds; the networks' forms are those the sizes and times suggest.
dpu_table() { # operations per cycle
  echo "model,input,classes,energy_mJ,time_s"
  join -t';' <(awk -F';' -v d="$1" '$1 == d { print $2 ";" $3 }' "$data/multi_dpu/runtimes.csv" | sort) \
    <(awk -F';' -v d="$1" '$1 == d { print $2 ";" $3 + $4 }' "$data/multi_dpu/avg_power.csv" | sort) |
    sed -n 's/^ResNet-50;/bottleneck-50-s2,224x224x3,1000;/p; s/^DenseNet-201;/densenet-201-s2,224x224x3,1000;/p
      s/^VGG-16;/vgg-16,32x32x3,10;/p; s/^MobileNet;/mobilenetv2-53,32x32x3,1000;/p' |
    awk -F';' '{ printf "%s,%.9g,%.9g\n", $1, $2 * $3, $2 }'
}
{ echo "model,energy_mJ,time_s"; table resnets bottleneck; table densenets densenet; } > "$scratch/zcu102.csv"

{
  cat <<'TEXT'
# Energy of an accelerator, from the network alone

Ten networks on a ZCU102 with a DPU B4096, measured by V. Maisto et al. (public data, repository `xilinx-zcu102-power`):
ResNets and DenseNets truncated for CIFAR-10, energy and time per run. Each is predicted by a fit to the other nine, from
weight bytes, activation bytes, multiply-accumulates and operators of the graph; no coefficient is negative
(`docs/energy.md`). Made by `scripts/results/energy.sh ZCU102_FOLDER`, which runs

    millijoule platform calibrate --measurements zcu102.csv --input 32,32,3 --classes 10

```
TEXT
  "$millijoule" platform calibrate --measurements "$scratch/zcu102.csv" --input 32,32,3 --classes 10
  cat <<'TEXT'
```

## From the raw power traces

`millijoule platform calibrate --traces raw/*.csv` (rails PS and PL), beside the published energies:

```
TEXT
  "$millijoule" platform calibrate --traces "$data"/raw/*.csv
  echo '```'
  echo
  echo '| run | from the trace | published | difference |'
  echo '|---|---|---|---|'
  for trace in "$data"/raw/*.csv; do
    name=$(basename "$trace" .csv)
    depth=$(sed 's/.*Net-0*\([0-9]*\).*/\1/' <<< "$name")
    family=$(grep -q Dense <<< "$name" && echo densenets || echo resnets)
    published=$(tail -n +2 "$data/preprocessed/cifar10_${family}_energy.csv" |
      awk -F, -v depth="$depth" '{ d = $1; sub(/.*-0*/, "", d); if (d == depth) printf "%.4f", $2 / 1000 }')
    found=$("$millijoule" platform calibrate --traces "$trace" --json - | tr ',{' '\n\n' | sed -n 's/.*"energy_j": *//p')
    awk -v n="$name" -v f="$found" -v p="$published" 'BEGIN { printf "| %s | %.4f J | %.4f J | %+.2f %% |\n", n, f, p, 100 * (f / p - 1) }'
  done
  cat <<'TEXT'

The difference is the same 0.8 to 0.9 % everywhere: the published figures are consistent with a sampling period of 23.85 ms,
the time stamps say 24.06 ms.

## Four sizes of DPU

The same authors measured five networks on DPUs of 512, 1024, 2304 and 4096 operations per cycle (repository `multi_dpu`). Energy
here is run time times mean power of both rails: the published energies repeat one rail in both columns. The data says neither
the networks' input sizes nor how many images a run has. UNet is left out, for its form is unknown. The others are taken
as the file sizes and run times suggest: ResNet-50 and DenseNet-201 for 224x224x3 and 1000 classes, VGG-16 for 32x32x3 and 10,
MobileNet as version 2 for 32x32x3 and 1000. Four networks that lie a factor of 700 apart in multiply-accumulates leave little to predict
one from the others; what is shown is how far the sums carry.
TEXT
  for dpu in 512 1024 2304 4096; do
    dpu_table "$dpu" > "$scratch/b$dpu.csv"
    echo
    echo "### B$dpu"
    echo
    echo '```'
    "$millijoule" platform calibrate --measurements "$scratch/b$dpu.csv"
    echo '```'
  done
  cat <<'TEXT'

## The platform files

`platforms/zcu102-b4096.toml` holds the sums fitted to the ten networks, those of the other sizes the sums of their four, divided by the
images of a run: 1000 for the ten networks, as its authors say of similar runs; 500 for the others, for then a DPU of 512
multiplies at nine tenths of its peak in the convolutions of ResNet-50 and VGG-16. Both counts are assumed, and so is what follows from them.
TEXT
} > docs/results/energy.md.new
describe() { # size, table, images of a run, further options
  "$millijoule" platform calibrate --measurements "$2" --runs "$3" --write "platforms/zcu102-b$1.toml" --ram "4 GiB" --nvm "4 GiB" \
    --source "V. Maisto et al., both rails of a ZCU102 with a DPU B$1; $3 images per run assumed" "${@:4}" > /dev/null
  sed -i "s/^title = .*/title = \"AMD Xilinx ZCU102, DPU B$1\"/
    s/^\(ram\|nvm\) = .*/\1 = { value = 4, unit = \"GiB\", source = \"datasheet: UG1182, DDR4 memory of the processing system\" }/" \
    "platforms/zcu102-b$1.toml"
}
describe 4096 "$scratch/zcu102.csv" 1000 --input 32,32,3 --classes 10
for dpu in 512 1024 2304; do describe "$dpu" "$scratch/b$dpu.csv" 500; done
mv docs/results/energy.md.new docs/results/energy.md
