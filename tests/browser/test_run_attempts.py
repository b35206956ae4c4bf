"""What became of each attempt at a step, and what its validations saw, on the page of its run."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import axe
from tests.server import Server, eventually, free_port

pytestmark = pytest.mark.browser

WORKFLOW = """
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: itself}
spec: {host: 127.0.0.1, port: PORT}
---
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: nobody}
spec: {host: 127.0.0.1, port: DEAD}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: tries}
spec:
  steps:
    - id: probe
      uses: http.request
      with: {url: "http://127.0.0.1:PORT/healthz"}
      validate: {uses: http.request, with: {url: "http://127.0.0.1:PORT/healthz"}, that: result.status == 418, every: 200ms, failure_limit: 2}
      on_failure: continue
      on_failed_validation: continue
    - id: knock
      uses: http.request
      with: {url: "http://127.0.0.1:DEAD/"}
      retry: {attempts: 2, initial: 100ms}
      on_failure: continue
    - {id: settle, wait: {event: {types: [org.example.settled]}}}
"""


@pytest.mark.parametrize("phone", [False, True])
def test_attempts_and_what_a_validation_saw_are_shown(
    server: Server, open_page: Callable[..., Page], phone: bool
) -> None:
    written = WORKFLOW.replace("PORT", str(server.port)).replace("DEAD", str(free_port()))
    assert server.client.post("/api/v1/manifests", content=written).status_code == 200
    run = server.client.post("/api/v1/runs", json={"workflow": "tries"}).json()["id"]
    eventually(
        lambda: any(one["address"] == "settle" for one in server.client.get(f"/api/v1/runs/{run}").json()["steps"])
    )
    page = open_page(server, f"/runs/{run}?step=knock", phone=phone)
    attempts = page.get_by_role("region", name="Attempts at knock").get_by_role("listitem")
    expect(attempts).to_have_count(2)
    expect(attempts.first).to_contain_text(re.compile(r"1.*Failed.*http\.connect.* to .*; the next one at "))
    expect(attempts.last).not_to_contain_text("the next one")
    assert not axe(page)
    page.goto(f"/runs/{run}?step=probe")
    saw = page.get_by_role("region", name="What the validation of probe saw")
    expect(saw).to_contain_text("2 looks")
    expect(saw.get_by_text("result.status = 200", exact=True)).to_have_count(2)
    assert not axe(page)
