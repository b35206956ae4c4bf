"""A loop that stands still ends its process, and only that."""

import subprocess
import sys

from oncue.runtime.watchdog import EXIT_CODE, LOOKS, Watchdog


def test_a_loop_that_does_not_turn_for_long_ends_the_process() -> None:
    ended: list[bool] = []
    dog = Watchdog(lambda: ended.append(True))
    dog.turn()
    for _ in range(LOOKS):
        dog.look()
    assert ended == []
    dog.look()
    assert ended == [True]


def test_one_turn_is_enough_to_begin_anew() -> None:
    ended: list[bool] = []
    dog = Watchdog(lambda: ended.append(True))
    for _ in range(3):
        for _ in range(LOOKS):
            dog.look()
        dog.turn()
    assert ended == []


BLOCKS = """
import asyncio, time
from oncue.runtime import watchdog
watchdog.LOOK_EVERY_S, watchdog.LOOKS = 0.02, 5

def a_plugin_that_blocks():
    time.sleep(600)

async def main():
    looking_on = asyncio.create_task(watchdog.Watchdog().run())
    await asyncio.sleep(0)
    a_plugin_that_blocks()

asyncio.run(main())
"""


def test_what_blocked_is_named_where_it_stands() -> None:
    done = subprocess.run([sys.executable, "-c", BLOCKS], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == EXIT_CODE
    assert "a_plugin_that_blocks" in done.stderr
