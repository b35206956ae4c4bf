"""The action `python.script`: a Python script on this machine, off until the operator allows it.

It runs in a process of its own, with the standard library alone, in a directory that is gone afterwards; memory, processor
time, files and output are bounded. That bounds mishaps and is no sandbox: it runs as the user that OnCue runs as.
"""

import ast
import re
import signal
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final, Literal

import msgspec

from oncue.plugins import processes
from oncue.plugins.output import LAST_WORDS, SHORT_OUTPUT, Ended, last_words, length
from oncue.sdk import ActionError, Context, EffectClass, ErrorDoc, Rules, SecretRef, StatedClass, nothing_done_yet
from oncue.sdk.source import Fault

RESULT_LIMIT: Final = 12 * 1024
"""Bytes of the result's JSON: what a run keeps of a step is bounded."""
FILE_LIMIT: Final = 100 * 1024**2

_PLACE: Final = re.compile(r'File "<script>", line (\d+).*\n(.*)')
_BOOTSTRAP: Final = str(Path(__file__).with_name("python_bootstrap.py"))


class Inputs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One script, and what it is given."""

    script: Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]
    """Its text, which has a function `main(inputs)`. What that returns is the result; what it prints is output."""
    inputs: dict[str, Any] = {}
    """What `main` is called with. Put what events say here, not into the text."""
    secret_env: dict[str, SecretRef] = {}
    """Variables of its environment whose values are secrets."""
    memory_mb: Annotated[int, msgspec.Meta(ge=32, le=2048)] = 512
    """Address space that it may use."""
    cpu_s: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 60
    """Seconds of processor time that it may use; the step's timeout holds besides."""
    effect_class: StatedClass = "at-most-once"
    """What a crash in the middle may mean."""


class Outputs(msgspec.Struct, kw_only=True):
    """What came of it."""

    result: Any
    """What `main` returned."""
    stdout: str
    """The end of what it printed."""
    stderr: str
    """The same of its error output."""
    truncated: bool = False
    """Whether some of the output was not kept."""


class _Came(msgspec.Struct):
    """What the script's process wrote of its end."""

    result: Any = None
    code: Literal["", "python.no_main", "python.result"] = ""
    detail: str = ""


def _bound(node: ast.AST) -> tuple[str | None, ...]:
    """The names that a part of a script may give something."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return (name,)
        case ast.Name(id=name, ctx=ast.Store()):
            return (name,)
        case ast.alias(name=name, asname=other):
            return (other or name,)
        case _:
            return ()


class PythonScript:
    """Calls `main` of a script in a process of its own."""

    name = "python.script"
    inputs = Inputs
    outputs = Outputs
    errors = (
        ErrorDoc("action.disabled", "The operator has not switched it on (actions.python.enabled)."),
        ErrorDoc(
            "python.failed", "It is no Python, raised an exception or ended by itself; the detail has its last words."
        ),
        ErrorDoc("python.limit", "It used up the memory or the processor time that it may use, or killed itself."),
        ErrorDoc("python.no_main", "The script has no function `main`."),
        ErrorDoc("python.result", "What `main` returned cannot be written as JSON, or is longer than 12 KiB."),
    )

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """As the step says."""
        return inputs.effect_class

    def faults(self, given: dict[str, Any]) -> Iterable[Fault]:
        """The script is Python, and has `main`."""
        if "${" in given["script"]:
            return
        try:
            tree = ast.parse(given["script"], "<script>")
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            yield ("script",), f"it is no Python: {error}"
            return
        if "main" not in {name for node in ast.walk(tree) for name in _bound(node)}:
            yield ("script",), "it has no function main(inputs), which is what is called: write `def main(inputs): ...`"

    def plan(self, inputs: Inputs) -> str:
        """How long the script is, and the names of what it is given."""
        return f"a Python script of {length(inputs.script)}, with {', '.join(sorted(inputs.inputs)) or 'no inputs'}"

    def permit(self, inputs: Inputs | None, rules: Rules) -> None:
        """Raises `ActionError` action.disabled."""
        if not rules.python.enabled:
            raise ActionError("action.disabled", "python.script is off; an administrator can allow it in oncue.toml")

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """`main` returned."""
        with nothing_done_yet():
            self.permit(inputs, context)
            private = {name: context.secret(reference) for name, reference in inputs.secret_env.items()}
            processes.check_environment(private)
        limits = processes.Limits(memory=inputs.memory_mb * 1024**2, file_size=FILE_LIMIT, cpu_s=inputs.cpu_s)
        with (
            tempfile.TemporaryDirectory(prefix="oncue-python-", ignore_cleanup_errors=True) as directory,
            tempfile.TemporaryFile() as came,
        ):
            done = await processes.execute(
                [sys.executable, "-I", "-S", _BOOTSTRAP, str(came.fileno())],
                env={"HOME": directory, "TMPDIR": directory, **private},
                cwd=directory,
                stdin=msgspec.json.encode({"script": inputs.script, "inputs": inputs.inputs}).decode(),
                limits=limits,
                context=context,
                keep=SHORT_OUTPUT,
                pass_fds=(came.fileno(),),
            )
            result = _result(came, done, context)
        return Outputs(result=result, stdout=done.stdout, stderr=done.stderr, truncated=done.truncated)


def _raised(stderr: str) -> str | None:
    """What the script raised, and where, if its error output ends with a traceback. All of that is in the step's lines."""
    _, trace, told = stderr.rpartition("Traceback (most recent call last):\n")
    lines = told.rstrip().splitlines()
    error = next((number for number, line in enumerate(lines) if not line.startswith(" ")), None)
    if not trace or error is None:
        return None
    said = " ".join(lines[error:])[:LAST_WORDS]
    places = _PLACE.findall(told)
    return f"{said}, in line {places[-1][0]}: {places[-1][1].strip()}" if places else said


def _result(came: BinaryIO, done: Ended, context: Context) -> Any:
    """What `main` returned. Raises `ActionError` if it did not."""
    if done.exit_code == -signal.SIGXCPU:
        raise ActionError("python.limit", "it used up its processor time (cpu_s)")
    if done.exit_code == -signal.SIGKILL:
        raise ActionError(
            "python.limit", "it was killed: for its processor time (cpu_s), by a machine short of memory, or by itself"
        )
    said = last_words(done, context)
    if done.exit_code != 0:
        code = "python.limit" if said.endswith("MemoryError") else "python.failed"
        raised = _raised(context.mask.text(done.stderr))
        raise ActionError(code, raised or f"exit code {done.exit_code}: {said}")
    came.seek(0)
    written = came.read(RESULT_LIMIT + 1)
    if len(written) > RESULT_LIMIT:
        raise ActionError("python.result", f"what main returned is longer than {RESULT_LIMIT} bytes")
    if not written:
        raise ActionError("python.failed", f"it ended before main returned: {said}")
    try:
        told = msgspec.json.decode(written, type=_Came)
    except msgspec.DecodeError as error:
        raise ActionError("python.result", f"what it wrote is not what main returned: {error}") from error
    if told.code:
        raise ActionError(told.code, told.detail)
    return told.result
