"""Runs the script of `python.script`: `python -I -S python_bootstrap.py FD`, script and inputs as JSON on standard input.

What `main` returned is written to the file descriptor as `{"result": ...}`, or what kept it from being called or written
as `{"code": ..., "detail": ...}`. Imports the standard library only.
"""

import inspect
import json
import linecache
import os
import sys
from collections.abc import Callable
from typing import Any

NAME = "<script>"


def main(descriptor: int) -> None:
    """The script was run, and its `main` called. What it raises ends the process, with a traceback."""
    given = json.load(sys.stdin)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # it is a text stream here
    source: str = given["script"]
    linecache.cache[NAME] = (len(source), None, source.splitlines(keepends=True), NAME)  # for tracebacks
    names: dict[str, Any] = {"__name__": "script", "__file__": NAME}
    exec(compile(source, NAME, "exec"), names)  # noqa: S102 - running the script is the point
    called: Callable[[Any], Any] | None = names.get("main")
    if not inspect.isfunction(called):
        tell(descriptor, {"code": "python.no_main", "detail": "the script has no function main(inputs)"})
        return
    result = called(given["inputs"])
    try:
        text = json.dumps({"result": result}, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        tell(descriptor, {"code": "python.result", "detail": f"what main returned is no JSON: {error}"})
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def tell(descriptor: int, said: dict[str, str]) -> None:
    """This came of it."""
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(said, file)


if __name__ == "__main__":
    main(int(sys.argv[1]))
