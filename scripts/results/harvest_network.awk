# SPDX-License-Identifier: Apache-2.0
# A drawn network with five exits, for want of a trained one: its manifest (200 units, 2.3 mJ in all, as the Fashion-MNIST
# student; exits at 18, 35, 55, 78 and 100 %) and what it answers on 10,000 images (right in about 57, 68, 73.5, 76 and 80 of 100).
# awk -v out=manifest|outcomes -f harvest_network.awk
function uniform() { state = (state * 16807) % 2147483647; return state / 2147483647 }
function normal() { return sqrt(-2 * log(uniform())) * cos(6.283185307 * uniform()) }
function name(k) { return k < 5 ? "exit" k : "logits" }
BEGIN {
  if (out == "manifest") {
    printf "{\"schema\": 1, \"name\": \"drawn\", \"platform\": \"msp430fr5994\", \"commit_energy_j\": 1.4e-7, \"boot_energy_j\": 5.2e-7,\n\"units\": ["
    for (i = 0; i < 200; ++i) printf("%s{\"index\": %d, \"node\": 0, \"op\": \"conv2d\", \"energy_j\": 1.15e-5, \"cycles\": 32486, \"nvm_read_bytes\": 0, \"nvm_write_bytes\": 0}", (i ? ",\n" : "\n"), i)
    split("35 69 109 155 199", unit, " ")
    printf "],\n\"exits\": ["
    for (k = 1; k <= 5; ++k) printf("%s{\"name\": \"%s\", \"unit\": %d}", (k > 1 ? ", " : ""), name(k), unit[k])
    print "]}"
    exit
  }
  state = 20240701
  split("0.57 0.68 0.735 0.76 0.80", level, " ")
  printf "label"
  for (k = 1; k <= 5; ++k) printf ",%s_answer,%s_confidence", name(k), name(k)
  print ""
  for (i = 0; i < 10000; ++i) {
    hard = uniform()
    printf "0"
    for (k = 1; k <= 5; ++k) {
      right = 1 / (1 + exp(-8 * (level[k] - hard + 0.12 * normal())))
      printf ",%d,%.6f", uniform() < right ? 0 : 1, 0.1 + 0.9 * right
    }
    print ""
  }
}
