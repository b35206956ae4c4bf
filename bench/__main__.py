"""`make bench`: measures every row, prints the table, writes bench/results.json and the benchmark page.

`python -m bench --quick batch single` measures less, and only these rows, and writes nothing.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from bench import machine, page, peers, rows, rulebook

HERE = Path(__file__).resolve().parent


def main() -> int:
    """Run; 1 if a first bar was missed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(rows.ROWS)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="less work, rougher figures; writes nothing")
    chosen = parser.parse_args()
    unknown = set(chosen.rows) - rows.ROWS.keys()
    if unknown:
        parser.error(f"no such rows: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory(prefix="oncue-bench-") as directory:
        described = machine.describe(Path(directory))
    with peers.alertmanager() as peer:
        described["alertmanager"] = peer.version()
    if not chosen.rows or "rules" in chosen.rows:
        absent = rulebook.missing()
        described["ansible-rulebook"] = rulebook.version() if absent is None else f"not measured: {absent}"
    measured: list[rows.Row] = []
    for name, measure in rows.ROWS.items():
        if chosen.rows and name not in chosen.rows:
            continue
        started = time.monotonic()
        found = measure(rows.QUICK if chosen.quick else rows.Scale())
        measured += found
        for row in found:
            print(page.line(row), flush=True)
        print(f"    ({name}: {time.monotonic() - started:.0f} s)", file=sys.stderr, flush=True)
    print("\n" + page.table(measured) + "\n\n" + page.description(described))
    if not chosen.quick and not chosen.rows:
        document = {"machine": described, "rows": msgspec.to_builtins(measured)}
        (HERE / "results.json").write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
        page.write(HERE.parent / "docs" / "explanation" / "benchmark.md", measured, described)
    return 0 if all(row.reached for row in measured) else 1


if __name__ == "__main__":
    sys.exit(main())
