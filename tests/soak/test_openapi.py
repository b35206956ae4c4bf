"""Every operation of the OpenAPI document, tried thousands of times over."""

from pathlib import Path

import pytest

from tests.contract.test_api_matrix import things
from tests.contract.test_openapi import CHECKS, schemathesis
from tests.server import Server

pytestmark = pytest.mark.soak


@pytest.mark.parametrize("seed", range(1, 4))
def test_every_operation_answers_as_its_document_says_whatever_comes(
    oncue_server: Server, tmp_path: Path, seed: int
) -> None:
    things(oncue_server, f"seed-{seed}")
    checks = (*CHECKS, "ignored_auth")
    schemathesis(oncue_server, tmp_path, examples=100, seed=seed, phases="examples,coverage,fuzzing", checks=checks)
