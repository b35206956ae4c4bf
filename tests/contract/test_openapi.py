"""Every operation of the OpenAPI document, with what it allows and what it does not: schemathesis against a real server.

Eleven thousand requests at the bounds of what each parameter may be; `make soak` adds chance.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.contract.test_api_matrix import things
from tests.server import ADMIN_TOKEN, ROOT, Server, environment

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "refusals_are_problems",
)
"""All but those that suppose that a schema can say everything: a cursor is opaque, a kind is one of those there are."""
ENDLESS = ("/api/v1/stream",)


def schemathesis(
    server: Server,
    directory: Path,
    *,
    examples: int = 1,
    seed: int | None = None,
    phases: str = "coverage",
    checks: Sequence[str] = CHECKS,
) -> None:
    """Try every operation, always the same way unless there is a seed; fails with what schemathesis says."""
    (directory / "schemathesis.toml").write_text("")
    chance = ["--generation-deterministic"] if seed is None else ["--seed", str(seed)]
    excluded = [part for path in ENDLESS for part in ("--exclude-path", path)]
    # fmt: off
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/api/v1/openapi.json",
        "--header", f"Authorization: Bearer {ADMIN_TOKEN}", *excluded, "--phases", phases,
        "--max-examples", str(examples), *chance, "--no-shrink",
        "--continue-on-failure", "--request-timeout", "20", "--warnings", "off", "--checks", ",".join(checks),
    ]
    # fmt: on
    variables = environment({"SCHEMATHESIS_HOOKS": "tests.contract.openapi_checks", "PYTHONPATH": str(ROOT)})
    done = subprocess.run(
        command, cwd=directory, env={**variables, "NO_COLOR": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-12_000:]}{done.stderr[-3_000:]}"


@pytest.mark.timeout(600)
def test_every_operation_answers_as_its_document_says(oncue_server: Server, tmp_path: Path) -> None:
    things(oncue_server, "alpha")
    schemathesis(oncue_server, tmp_path)
