"""The pages on incidents, problems, handovers and availability: their commands work, one after the other, on one server."""

import os
import re
import subprocess
from pathlib import Path

from tests.server import ADMIN_TOKEN, ONCUE, ROOT, Server, environment

PAGES = ("incidents", "problems", "handover", "availability")


def test_the_commands_of_the_pages_work(fresh_server: Server, tmp_path: Path) -> None:
    variables = environment({"ONCUE_SERVER": fresh_server.url, "ONCUE_TOKEN": ADMIN_TOKEN})
    variables["PATH"] = f"{ONCUE.parent}{os.pathsep}{variables['PATH']}"
    for page in PAGES:
        text = (ROOT / "docs" / "how-to" / f"{page}.md").read_text("utf-8")
        blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        for kind, block in blocks:
            if kind == "yaml":
                (tmp_path / f"{page}.yaml").write_text(block)
            elif kind == "sh":
                done = subprocess.run(
                    ["bash", "-euc", block], cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=120,
                    check=False,
                )  # fmt: skip
                assert done.returncode == 0, f"{block}\n{done.stdout}{done.stderr}"
    problems = {one["id"]: one for one in fresh_server.items("problems")}
    assert (problems["PRB-1"]["state"], problems["PRB-1"]["incidents"]) == ("resolved", ["INC-3"])
