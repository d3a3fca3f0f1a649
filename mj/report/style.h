// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace mj {

/// The style sheet of every HTML report; follows the reader's light or dark setting and prints on paper.
inline constexpr const char* kStyle = R"css(
:root { --ink:#1c2430; --soft:#5b6675; --rule:#d9dee6; --ground:#f4f6f9; --page:#fff; --main:#0b6bcb; --good:#16834a;
  --bad:#c0392b; --pale:#a9b6c6; }
@media (prefers-color-scheme: dark) { :root { --ink:#e4e9f0; --soft:#9aa7b8; --rule:#333c49; --ground:#1d232c;
  --page:#14181f; --main:#5fb0ff; --good:#54c78b; --bad:#ff7b6b; --pale:#56637a; } }
* { box-sizing:border-box; }
body { margin:0; background:var(--page); color:var(--ink); font:15px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; }
main { max-width:1080px; margin:0 auto; padding:32px 24px 64px; }
h1 { font-size:26px; margin:0 0 4px; } h2 { font-size:18px; margin:40px 0 8px; } p { margin:6px 0; color:var(--soft); }
p.lead { font-size:16px; }
.cards { display:grid; grid-template-columns:repeat(auto-fit,minmax(180px,1fr)); gap:14px; margin:24px 0; }
.card { background:var(--ground); border-radius:10px; padding:14px 16px; }
.card .name { color:var(--soft); font-size:13px; } .card .figure { font-size:25px; font-weight:600; }
.card .note { font-size:13px; color:var(--soft); }
.meter { height:6px; border-radius:3px; background:var(--rule); margin:8px 0 6px; overflow:hidden; }
.meter i { display:block; height:100%; background:var(--good); } .meter.over i { background:var(--bad); }
.pair { display:grid; grid-template-columns:repeat(auto-fit,minmax(440px,1fr)); gap:24px; }
figure { margin:0; } figcaption { color:var(--soft); font-size:13px; margin-top:4px; }
svg { width:100%; height:auto; display:block; }
table { border-collapse:collapse; width:100%; font-variant-numeric:tabular-nums; font-size:14px; }
th,td { text-align:right; padding:5px 10px; border-bottom:1px solid var(--rule); white-space:nowrap; }
th:first-child,td:first-child,td.text,th.text { text-align:left; } td.text { white-space:normal; }
th { color:var(--soft); font-weight:600; } tr.chosen td { font-weight:600; color:var(--good); } tr.out td { color:var(--pale); }
.scroll { overflow-x:auto; }
.grid { stroke:var(--rule); stroke-width:1; } .tick { fill:var(--soft); font-size:11px; } .label { fill:var(--soft); font-size:12px; }
.pointtext { fill:var(--ink); font-size:12px; } .markertext { fill:var(--bad); font-size:12px; }
.marker { stroke:var(--bad); stroke-width:1.5; stroke-dasharray:5 4; }
.fits { fill:var(--main); } .lost { fill:var(--pale); } .chosen { fill:var(--good); } .teacher { fill:var(--ink); }
.line { fill:none; stroke-width:2; } .line.a { stroke:var(--main); } .line.b { stroke:var(--good); stroke-dasharray:4 3; }
.bar { fill:var(--main); } .ground { fill:var(--ground); } .block { fill:var(--main); opacity:.8; }
table.heat { width:auto; font-size:12px; } table.heat td { width:44px; text-align:center; border:1px solid var(--page); }
table.heat .right { background:color-mix(in srgb,var(--good) var(--share),var(--ground)); }
table.heat .wrong { background:color-mix(in srgb,var(--bad) var(--share),var(--ground)); }
table.heat th.up { vertical-align:bottom; height:86px; padding:0; } table.heat th.up span { writing-mode:vertical-rl; transform:rotate(180deg); }
@media print { .card,figure,tr { break-inside:avoid; } }
)css";

}  // namespace mj
