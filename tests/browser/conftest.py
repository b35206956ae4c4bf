"""A real Chromium on a real server: one browser for a module's tests, a signed-in page for each."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

from tests.server import ROOT, Server, eventually
from tests.system import program

ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WITHIN_MS = 40_000
"""How long a page may take to show what it should; machines that run tests are busy."""
NAME = "basis-1"
PASSWORD = "correct horse battery staple"

MANIFESTS = """
apiVersion: oncue/v1
kind: Service
metadata: {name: orders}
spec: {owner: "team:basis", criticality: high, resources: ["erp-*"]}
---
apiVersion: oncue/v1
kind: Team
metadata: {name: basis}
spec: {channels: [basis-mail]}
---
apiVersion: oncue/v1
kind: Channel
metadata: {name: basis-mail}
spec: {type: email, with: {to: [basis@localhost]}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {name: note-it}
spec:
  description: Leaves a note on the incident
  inputs:
    type: object
    required: [host]
    properties:
      host: {type: string, title: Host, pattern: "^[a-z0-9-]+$"}
      depth: {type: integer, title: Depth, minimum: 1, maximum: 5, default: 2}
      mode: {type: string, title: Mode, enum: [quick, thorough]}
  steps:
    - {id: note, uses: incident.comment, with: {text: "Looked at ${inputs.host}"}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {name: stalled-log, owner: "team:basis"}
spec:
  description: A stalled log is looked into
  match: {types: [db.log.stalled]}
  notify: {escalation: owner}
  respond:
    - run: {workflow: note-it, with: {host: "${event.resource}"}}
    - ticket: {type: incident, title: "Stalled log on ${event.resource}"}
  limits: {cooldown: 1h}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {name: load}
spec: {uses: host.load, every: 5s, resource: this-machine}
---
apiVersion: oncue/v1
kind: SAPSystem
metadata: {name: qas}
spec:
  sid: QAS
  tier: test
  role: bw
  instances: [{host: qaspas, number: "00", features: [ABAP, IGS], start_priority: "3"}]
  database: {type: hdb, host: qasdb}
"""


def said(within: Page | Locator, text: str) -> Locator:
    """Where `text` is shown, apart from the field in which it was written, which may still hold it for a moment."""
    page = within if isinstance(within, Page) else within.page
    return within.get_by_text(text).and_(page.locator(":not(textarea)"))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, without a window.

    It ends with its module: while it is open, Playwright keeps an event loop running in this thread, in which no test
    that needs a loop of its own could run.
    """
    with sync_playwright() as playwright:
        expect.set_options(timeout=WITHIN_MS)
        chromium = playwright.chromium.launch(executable_path=program("chromium"), args=list(ARGUMENTS))
        yield chromium
        chromium.close()


def prepare(server: Server) -> None:
    """An administrator with a password, and configuration that gives every page something to show."""
    assert (ROOT / "src/oncue/console_build/index.html").exists(), "build the console first: make build"
    person = {"name": NAME, "bindings": [{"role": "admin", "namespace": "*"}], "password": PASSWORD}
    response = server.client.post("/api/v1/users", json=person)
    assert response.status_code in (201, 409), response.text
    applied = server.client.post("/api/v1/manifests", content=MANIFESTS, headers={"Content-Type": "application/yaml"})
    assert applied.status_code == 200, applied.text


def sign_in(context: BrowserContext, server: Server, who: str = NAME) -> None:
    """Give the context a session."""
    response = context.request.post(f"{server.url}/api/v1/sign-in", data={"username": who, "password": PASSWORD})
    assert response.ok, response.text()


@pytest.fixture(scope="module")
def server(oncue_server: Server) -> Server:
    """The module's server, prepared."""
    prepare(oncue_server)
    return oncue_server


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens signed-in pages in sessions of their own. Afterwards none may have met a script error or a CSP refusal."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(
        server: Server,
        path: str = "/",
        *,
        phone: bool = False,
        dark: bool = False,
        signed_in: bool = True,
        who: str = NAME,
    ) -> Page:
        size = {"width": 390, "height": 844} if phone else {"width": 1440, "height": 900}
        context = browser.new_context(
            viewport=size,  # type: ignore[arg-type]
            is_mobile=phone,
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            reduced_motion="reduce",  # what fades in would be looked at half faded
            base_url=server.url,
        )
        context.set_default_timeout(WITHIN_MS)
        contexts.append(context)
        if signed_in:
            sign_in(context, server, who)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda entry: _note(entry.type, entry.text, complaints))
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not complaints, complaints


def _note(kind: str, text: str, complaints: list[str]) -> None:
    # A refused or failed request is the page's to handle, and tested where it matters; the browser logs it all the same.
    if kind == "error" and "Failed to load resource" not in text:
        complaints.append(text)


def axe(page: Page, *, only: str | None = None) -> list[str]:
    """What axe finds against WCAG 2.2 AA on the page as it is; `only` names the one rule to look at."""
    source = ROOT / "console/node_modules/axe-core/axe.min.js"
    assert source.exists(), "axe-core comes with the console's own packages: make build"
    page.evaluate(Path(source).read_text(encoding="utf-8"))
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    run_only = {"type": "tag", "values": tags} if only is None else {"type": "rule", "values": [only]}
    found = page.evaluate("runOnly => axe.run(document, {runOnly, resultTypes: ['violations']})", run_only)
    return [
        f"{violation['id']}: {node['target']} {node.get('failureSummary', '')}"
        for violation in found["violations"]
        for node in violation["nodes"][:5]
    ]


def incident_of(server: Server, title: str) -> str:
    """The id of the incident with this title, once it is there."""
    found = eventually(
        lambda: next((item for item in server.items("incidents") if item["title"] == title), None),
        what=f"an incident {title!r}",
    )
    return str(found["id"])
