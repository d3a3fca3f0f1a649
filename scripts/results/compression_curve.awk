# SPDX-License-Identifier: Apache-2.0
# Prints the table of the accuracy-bytes curve, and draws it (-v plot=FILE), from lines of: network method limit bytes validation
# test joules images.
function bytes_of(limit) { return limit ~ /kB$/ ? 1000 * (limit + 0) : limit + 0 }
function percent(x) { return sprintf("%.2f", 100 * x) }
function x_of(bytes) { return 60 + 560 * log(bytes / 6000) / log(160000 / 6000) }
function y_of(share) { return 300 - 250 * (share - low) / (high - low) }
$1 == "freeml" {
  if (!($3 in seen_limit)) { seen_limit[$3] = 1; limit[++limits] = $3 }
  if (!($2 in seen_method)) { seen_method[$2] = 1; method[++methods] = $2 }
  bytes[$2, $3] = $4; validation[$2, $3] = $5; test[$2, $3] = $6
}
$1 != "freeml" { printf "%s to %s: %d bytes, validation %s %%, test %s %%, %.3g mJ\n\n", $1, $3, $4, percent($5), percent($6), 1e3 * $7 }
END {
  if (!limits) exit
  for (a = 1; a <= limits; ++a) for (b = a + 1; b <= limits; ++b) if (bytes_of(limit[b]) < bytes_of(limit[a])) { t = limit[a]; limit[a] = limit[b]; limit[b] = t }
  colours["ours"] = "#c30"; colours["sparsecomp"] = "#246"; colours["qat8"] = "#777"; colours["qat4"] = "#383"
  printf "| limit |"; for (m = 1; m <= methods; ++m) printf " %s: bytes | validation | test |", method[m]
  printf "\n|---:|"; for (m = 1; m <= methods; ++m) printf "---:|---:|---:|"
  print ""
  for (l = 1; l <= limits; ++l) {
    printf "| %s |", limit[l]
    for (m = 1; m <= methods; ++m) {
      key = method[m] SUBSEP limit[l]
      if (key in bytes) printf " %d | %s | %s |", bytes[key], percent(validation[key]), percent(test[key]); else printf " - | - | - |"
    }
    print ""
  }
  low = 1; high = 0
  for (key in test) { if (test[key] < low) low = test[key]; if (test[key] > high) high = test[key] }
  if (high == low) high = low + 0.01
  if (plot == "") exit
  print "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"720\" height=\"350\" font-family=\"sans-serif\" font-size=\"11\">" > plot
  print "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><text x=\"60\" y=\"20\">test accuracy in % over exported bytes (logarithmic)</text>" > plot
  print "<rect x=\"60\" y=\"40\" width=\"560\" height=\"270\" fill=\"none\" stroke=\"#999\"/>" > plot
  printf "<text x=\"54\" y=\"%d\" text-anchor=\"end\">%s</text><text x=\"54\" y=\"%d\" text-anchor=\"end\">%s</text>\n", y_of(high) + 4, percent(high), y_of(low) + 4, percent(low) > plot
  for (l = 1; l <= limits; ++l) printf "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x_of(bytes_of(limit[l])), 326 + 12 * (l % 2), limit[l] > plot
  for (m = 1; m <= methods; ++m) {
    path = ""
    for (l = 1; l <= limits; ++l) {
      key = method[m] SUBSEP limit[l]
      if (!(key in test)) continue
      x = x_of(bytes[key]); y = y_of(test[key]); path = path sprintf("%.1f,%.1f ", x, y)
      printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", x, y, colours[method[m]] > plot
    }
    printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\"/><text x=\"630\" y=\"%d\" fill=\"%s\">%s</text>\n", path, colours[method[m]], 40 + 16 * m, colours[method[m]], method[m] > plot
  }
  print "</svg>" > plot
}
