"""SAP systems in the console: what is declared, what a real monitor sees of a simulated system, and what to do about it."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from oncue.demo.sap_system import SapSystem
from tests.server import Server, event, eventually

pytestmark = pytest.mark.browser

Open = Callable[..., Page]

MANIFESTS = """
apiVersion: oncue/v1
kind: OutboundAllow
metadata: {name: sap}
spec: {host: 127.0.0.1, port: PORT, reason: the simulated system}
---
apiVersion: oncue/v1
kind: SAPSystem
metadata: {name: prd}
spec:
  sid: PRD
  tier: production
  role: erp
  instances:
    - {host: prdascs, number: "01", features: [MESSAGESERVER, ENQUE], start_priority: "1"}
    - {host: prdpas, number: "00", features: [ABAP, IGS], start_priority: "3"}
    - {host: prdgone, number: "07", features: [ABAP]}
    - {host: prddb, number: "02", features: [HDB]}
  database: {type: hdb, name: PRD, host: prddb, instance: "02"}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {name: prd-system}
spec: {uses: sap.system, every: 1s, with: {host: 127.0.0.1, port: PORT, instance: "00", sid: PRD}}
"""


@pytest.fixture(scope="module")
def watched(server: Server) -> Iterator[SapSystem]:
    with SapSystem("PRD") as system:
        system.instances[1].turn("GRAY", 0, 0)
        content = MANIFESTS.replace("PORT", str(system.primary.port))
        applied = server.client.post("/api/v1/manifests", content=content)
        assert applied.status_code == 200, applied.text
        eventually(
            lambda: any(one["alerts_firing"] for one in server.items("sap-systems") if one["sid"] == "PRD"),
            what="the alert",
        )
        yield system
        assert server.client.delete("/api/v1/manifests/Monitor/default/prd-system").status_code == 200


def test_without_a_system_the_page_says_how_to_discover_one(server: Server, open_page: Open) -> None:
    page = open_page(server, "/integrations/sap?namespace=nobody")
    expect(page.get_by_text("No SAP system is declared")).to_be_visible()
    expect(page.get_by_label("How to discover a SAP system")).to_contain_text("oncue sap discover")


def test_each_instance_says_what_it_does_and_how_it_differs(
    server: Server, watched: SapSystem, open_page: Open
) -> None:
    page = open_page(server, "/integrations/sap")
    card = page.locator("#sap-default-prd")
    expect(card).to_contain_text("production, erp")
    expect(card).to_contain_text("SAP HANA PRD on prddb, instance 02")
    expect(card).to_contain_text("2 of 4 run")

    def row(name: str) -> Locator:
        return card.get_by_role("listitem").filter(has_text=name)

    expect(row("prdascs_PRD_01")).to_contain_text("Stopped")
    expect(row("prdpas_PRD_00")).to_contain_text("Runs")
    expect(row("prdgone_PRD_07")).to_contain_text("Not listed")
    expect(row("prdaas_PRD_03")).to_contain_text("not declared")
    expect(card.get_by_label("How to update PRD")).to_contain_text("--update")
    expect(page.locator("#sap-default-qas")).to_contain_text("None asks it")


def test_its_alerts_and_its_monitors_are_one_click_away(server: Server, watched: SapSystem, open_page: Open) -> None:
    server.emit(event(title="Update stopped", resource="prdpas_PRD_00", severity="critical", check="update"))
    page = open_page(server, "/integrations/sap", phone=True)
    card = page.locator("#sap-default-prd")
    card.get_by_role("link", name="about the system as a whole").click()
    expect(page.get_by_text("SAP system PRD: 1 of 4 instances do not run").first).to_be_visible()
    page.go_back()
    card.get_by_role("listitem").filter(has_text="prdpas_PRD_00").get_by_role("link").click()
    expect(page.get_by_text("Update stopped").first).to_be_visible()
    page.go_back()
    card.get_by_role("link", name="prd-system").click()
    monitor = page.locator("#monitor-default-prd-system")
    expect(monitor).to_be_in_viewport()
    expect(monitor).to_contain_text("Instances not running")
