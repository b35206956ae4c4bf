"""An action that tells lines and progress, installed as a package of its own: for tests of what one sees while steps work."""

from pathlib import Path

from tests import packages

SITE = """
import asyncio
import os
import time
from pathlib import Path

import msgspec

from oncue.sdk import SecretRef


class Inputs(msgspec.Struct):
    '''What to do.'''

    do: str
    gate: str = ""
    secret: SecretRef | None = None


class Outputs(msgspec.Struct):
    '''What was done.'''

    text: str = ""


class Teller:
    '''Tells what a test wants to hear; "read aloud" tells the lines of a file as they are written, until one is `end`.'''

    name = "test.tell"
    inputs = Inputs
    outputs = Outputs
    errors = ()

    def effect_class(self, inputs):
        return "at-most-once" if inputs.do == "exit once" else "idempotent"

    def plan(self, inputs):
        return inputs.do

    async def run(self, inputs, context):
        if inputs.secret:
            context.say("the password is " + context.secret(inputs.secret))
        context.say(f"begun {context.redelivered}")
        context.progress(0.25, "the first quarter")
        if inputs.do.startswith("exit") and not (inputs.do == "exit" and context.redelivered):
            await until(Path(inputs.gate).exists)
            os._exit(9)
        if inputs.do == "raise":
            raise ZeroDivisionError("a defect")
        if inputs.do == "wait":
            await until(Path(inputs.gate).exists)
        if inputs.do == "read aloud":
            await self.read(Path(inputs.gate), context)
        if inputs.do == "flood":
            for number in range(20_000):
                context.say(f"{number} " + "x" * 50, "out")
        context.say("ended")
        return Outputs()

    async def read(self, file, context):
        told = 0
        while (lines := file.read_text().splitlines())[-1:] != ["end"]:
            for line in lines[told:]:
                done, _, words = line.partition("% ")
                if words:
                    context.progress(int(done) / 100, words)
                else:
                    context.say(line.removeprefix("err: "), "err" if line.startswith("err: ") else "out")
            told = len(lines)
            await asyncio.sleep(0.02)


async def until(check):
    while not check():
        await asyncio.sleep(0.02)
"""


def install(site: Path) -> dict[str, str]:
    """Leave the package in this directory; returns the variables with which a server finds it."""
    packages.install(site, "oncue_telling", SITE, "[oncue.actions]\ntest.tell = oncue_telling:Teller\n")
    return packages.seeing(site)
