"""The frame of the page of evidence, and how it looks on a screen and on paper."""

from typing import Final

PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title><style>
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 22%, transparent); --quiet: color-mix(in srgb, currentColor 65%, transparent);
--well: light-dark(#17692f, #6fcf87); --ill: light-dark(#a81c1c, #ff8f86); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1.25rem; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: .2rem 0 1rem; } h2 { font-size: 1.2rem; margin: 2.2rem 0 .6rem; padding-bottom: .25rem; border-bottom: 2px solid var(--line); }
h3 { font-size: 1rem; margin: 1.3rem 0 .4rem; } p { margin: .35rem 0; } .kind { color: var(--quiet); margin: 0; }
.note { max-width: 52rem; padding: .6rem .9rem; border-left: 3px solid var(--line); margin-top: 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; margin: .4rem 0; } dt { color: var(--quiet); } dd { margin: 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; margin: .5rem 0; font-size: .93em; }
th, td { text-align: left; vertical-align: top; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: break-word; }
th { color: var(--quiet); font-weight: 600; } td small, p small, h3 small { color: var(--quiet); white-space: nowrap; font-weight: 400; }
.steps td:nth-child(3), .steps td:nth-child(4), .records td:nth-child(2), .timed td:first-child { white-space: nowrap; } .waves td:first-child { width: 12%; } .steps td:nth-child(5) { width: 45%; }
code, pre { overflow-wrap: anywhere; font: .86em/1.45 ui-monospace, monospace; } pre { white-space: pre-wrap; margin: .25rem 0 .5rem; padding: .45rem .7rem; border: 1px solid var(--line); border-radius: 5px; }
.well { color: var(--well); font-weight: 600; } .ill { color: var(--ill); font-weight: 600; } .so { font-weight: 600; }
@media print { :root { color-scheme: light; } @page { margin: 16mm 14mm; } body { font-size: 9.5pt; margin: 0; padding: 0; max-width: none; }
thead { display: table-header-group; } tr, dl, .note { break-inside: avoid; } .steps tr, pre { break-inside: auto; } h2, h3 { break-after: avoid; } .wide { overflow: visible; } }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .4rem; } }
</style></head><body>
{body}
</body></html>
"""
