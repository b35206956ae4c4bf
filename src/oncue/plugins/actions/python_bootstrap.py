"""Runs the script of `python.script`: `python -I -S python_bootstrap.py FD`, script and inputs as JSON on standard input.

What `main` returned is written to the file descriptor as `{"result": ...}`, or what kept it from being called or written
as `{"code": ..., "detail": ...}`. Imports the standard library only.
"""

import inspect
import json
import linecache
import os
import sys
import traceback

NAME = "<script>"


def main(descriptor: int) -> None:
    """The script was run, and its `main` called. If it raises, this exits with 1 and a traceback of the script alone."""
    given = json.load(sys.stdin)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a text stream here
    try:
        said = call(given["script"], given["inputs"])
    except Exception as error:  # noqa: BLE001 - whatever it raises is shown, without what is ours
        trace = error.__traceback__
        while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
            trace = trace.tb_next
        traceback.print_exception(error.with_traceback(trace))
        sys.exit(1)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(said)


def call(source: str, inputs: object) -> str:
    """What came of it, as JSON."""
    linecache.cache[NAME] = (len(source), None, source.splitlines(keepends=True), NAME)  # for tracebacks
    names: dict[str, object] = {"__name__": "script", "__file__": NAME}
    exec(compile(source, NAME, "exec"), names)  # noqa: S102 - running the script is the point
    called = names.get("main")
    if not inspect.isfunction(called):
        return json.dumps({"code": "python.no_main", "detail": "the script has no function main(inputs)"})
    result = called(inputs)
    try:
        return json.dumps({"result": result}, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return json.dumps({"code": "python.result", "detail": f"what main returned is no JSON: {error}"})


if __name__ == "__main__":
    main(int(sys.argv[1]))
