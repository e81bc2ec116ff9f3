/** The style of a report: light or dark as its reader likes, light and without navigation on paper. */
export const reportStyle = `
:root{color-scheme:light dark;--page:#f3f5f8;--card:#ffffff;--ink:#1c2330;--soft:#596273;--line:#e2e6ec;--accent:#1f6fb5;--wrong:#b84a16;--bar:#2f7dbf;--note:#fff6e5;--noteline:#e0a530}
@media (prefers-color-scheme:dark){:root{--page:#0f1217;--card:#161a21;--ink:#e9ecf1;--soft:#a3acba;--line:#2b323d;--accent:#6fb2ea;--wrong:#ef8a57;--bar:#2f7dbf;--note:#2a2417;--noteline:#c08a10}}
*{box-sizing:border-box}
html{scroll-behavior:smooth}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans","DejaVu Sans",Arial,sans-serif}
main,header,nav ul,footer{max-width:1080px;margin:0 auto;padding:0 24px}
header{padding-top:40px;padding-bottom:8px}
h1{margin:0 0 4px;font-size:32px;line-height:1.2;letter-spacing:-.01em}
h2{margin:0 0 4px;font-size:21px;line-height:1.3}
h3{margin:24px 0 8px;font-size:16px}
p{margin:0 0 12px}
.soft{color:var(--soft)}
.lead{font-size:18px;margin-top:12px;max-width:72ch}
nav{position:sticky;top:0;z-index:1;background:var(--page);border-bottom:1px solid var(--line)}
nav ul{display:flex;flex-wrap:wrap;gap:4px 22px;list-style:none;padding-top:10px;padding-bottom:10px;font-size:14px}
a{color:var(--accent);text-decoration:none}
a:hover,a:focus-visible{text-decoration:underline}
section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:24px 26px;margin:20px 0;scroll-margin-top:56px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:14px;margin:22px 0 6px}
.tile{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:14px 16px}
.tile b{display:block;font-size:27px;line-height:1.25;font-variant-numeric:tabular-nums;letter-spacing:-.01em}
.tile span{display:block;font-size:13px;color:var(--soft)}
.tile .range{display:inline;white-space:nowrap}
.tile.first{border-left:5px solid var(--accent)}
.note{background:var(--note);border-left:4px solid var(--noteline);border-radius:6px;padding:10px 14px;margin:12px 0;font-size:15px}
figure{margin:12px 0 0}
.plot{overflow-x:auto}
.plot svg{display:block;max-width:100%;height:auto}
.scroll{overflow:auto;max-height:640px;border:1px solid var(--line);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{padding:7px 12px;text-align:right;border-bottom:1px solid var(--line);vertical-align:middle}
th:first-child,td:first-child,td.text,th.text{text-align:left}
td{white-space:nowrap}td.text{white-space:normal;overflow-wrap:anywhere;min-width:120px}
thead th{position:sticky;top:0;background:var(--card);font-weight:600;color:var(--soft);font-size:13px}
tbody tr:last-child td,tbody tr:last-child th{border-bottom:0}
tfoot td,tfoot th{border-top:2px solid var(--line);border-bottom:0;color:var(--soft)}
tbody th{font-weight:500;overflow-wrap:anywhere;min-width:110px}
.meter{display:inline-block;width:64px;height:8px;margin-left:10px;border-radius:4px;background:var(--line);overflow:hidden;vertical-align:middle}
.meter i{display:block;height:100%;background:var(--bar)}
.wrong{color:var(--wrong);font-weight:600}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(148px,1fr));gap:18px 16px;margin-top:14px}
.pictures figure{margin:0;min-width:0;font-size:13px;line-height:1.4}
.pictures img,.missing{display:flex;width:100%;aspect-ratio:1;object-fit:contain;background:var(--page);border-radius:8px}
.missing{align-items:center;justify-content:center;text-align:center;padding:10px;color:var(--soft);border:1px dashed var(--line)}
.pictures figcaption{margin-top:6px;overflow-wrap:anywhere}
.pair{display:grid;grid-template-columns:minmax(190px,1fr) 3fr;gap:8px 22px;padding:14px 0;border-top:1px solid var(--line)}
.pair:first-of-type{border-top:0}
.strip{display:flex;flex-wrap:wrap;gap:10px}
.strip figure{margin:0;width:92px;font-size:11px;line-height:1.3;color:var(--soft)}
.strip img,.strip .missing{width:92px;height:92px;object-fit:contain;display:flex;font-size:10px;padding:6px;background:var(--page);border-radius:6px}
.strip.large figure{width:148px;font-size:12px}
.strip.large img{width:148px;height:148px;padding:0}
.right{color:var(--accent);font-weight:600}
.strip figcaption{overflow-wrap:anywhere;margin-top:3px}
dl{display:grid;grid-template-columns:max-content 1fr;gap:6px 24px;margin:8px 0 0;font-size:14px}
dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}
pre{overflow:auto;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;background:var(--page);border-radius:8px;padding:14px 16px;margin:12px 0 0}
summary{cursor:pointer;color:var(--accent);font-size:14px;margin-top:14px}
footer{padding-top:4px;padding-bottom:40px;font-size:13px;color:var(--soft)}
@media (max-width:640px){section{padding:18px 16px}.plot svg{max-width:none}.pair{grid-template-columns:1fr}header,main,nav ul,footer{padding-left:14px;padding-right:14px}}
@media print{
:root{color-scheme:light;--page:#ffffff;--card:#ffffff;--ink:#1c2330;--soft:#596273;--line:#d5dae2;--accent:#1f6fb5;--wrong:#b84a16;--note:#fff6e5}
body{font-size:12px}nav{display:none}
section{border:0;padding:0 0 8px;margin:18px 0}
.scroll{max-height:none;overflow:visible;border:0}.plot{overflow:visible}
thead th{position:static}
figure,.tile,.pair,tr,.note{break-inside:avoid}h2,h3,section>p.soft{break-after:avoid}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}}
`;
