"""Who may do what: every route, every role, in the own namespace and in a foreign one. A route that is not here fails."""

import secrets
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest

from oncue.api.app import HANDLERS, OUTSIDE
from tests.server import Server, event, eventually

READ = {"viewer", "responder", "operator", "approver", "editor", "admin"}
RESPOND = {"responder", "operator", "editor", "admin"}
OPERATE = {"operator", "editor", "admin"}
EDIT = {"editor", "admin"}
ADMIN = {"admin"}
SEND = OPERATE | {"source"}
GLOBAL: set[str] = set()
"""Only an administrator of every namespace."""
SIGNED_IN = READ | {"source", "worker"}
ROLES = ("viewer", "responder", "operator", "approver", "editor", "admin", "source", "worker")

OWN, FOREIGN = "alpha", "beta"


class Row(NamedTuple):
    """A route: who may, how it is called, and what belonging to a namespace means for it."""

    method: str
    path: str
    allowed: set[str]
    body: Any = None
    scope: str = "thing"
    """`thing`: of one namespace, in path or body. `list`: shows only what one may read. `none`: of no namespace."""


ORDER: dict[str, Any] = {
    "type": "emergency", "targets": {"names": ["x"]}, "approvals": [{"by": ["user:nobody"]}],
    "steps": [{"id": "nothing", "set": {"done": True}}],
}  # fmt: skip
"""A plan of a change."""

# `{ns}` is a namespace; the other names are things that `things` has put into it.
MATRIX: dict[str, Row] = {
    "list_alerts": Row("GET", "/alerts?namespace={ns}", READ),
    "get_alert_facets": Row("GET", "/alerts/facets?namespace={ns}", READ),
    "get_alert": Row("GET", "/alerts/{alert}", READ),
    "get_alert_timeline": Row("GET", "/alerts/{alert}/timeline", READ),
    "acknowledge_alert": Row("POST", "/alerts/{alert}/acknowledge", RESPOND, {}),
    "unacknowledge_alert": Row("POST", "/alerts/{alert}/unacknowledge", RESPOND, {}),
    "resolve_alert": Row("POST", "/alerts/{alert}/resolve", RESPOND, {}),
    "get_alert_history": Row("GET", "/alerts/{alert}/history", READ),
    "snooze_alert": Row("POST", "/alerts/{alert}/snooze", RESPOND, {"until": "2099-01-01T00:00:00Z"}),
    "duplicate_alert": Row("POST", "/alerts/{alert}/duplicate", RESPOND, {"of": "al-none"}),
    "distinct_alert": Row("POST", "/alerts/{alert}/distinct", RESPOND, {}),
    "unsnooze_alert": Row("POST", "/alerts/{alert}/unsnooze", RESPOND, {}),
    "enrich_alert": Row("POST", "/alerts/{alert}/enrich", RESPOND, {"note": "matrix"}),
    "list_incidents": Row("GET", "/incidents?namespace={ns}", READ),
    "get_incident": Row("GET", "/incidents/{incident}", READ),
    "get_incident_timeline": Row("GET", "/incidents/{incident}/timeline", READ),
    "list_incident_alerts": Row("GET", "/incidents/{incident}/alerts", READ),
    "list_incident_runs": Row("GET", "/incidents/{incident}/runs", READ),
    "list_incident_comments": Row("GET", "/incidents/{incident}/comments", READ),
    "list_escalations": Row("GET", "/escalations?namespace={ns}", READ),
    "list_incident_escalations": Row("GET", "/incidents/{incident}/escalations", READ),
    "escalate_incident": Row("POST", "/incidents/{incident}/escalate", RESPOND, {"to": "channel:desk"}),
    "unacknowledge_incident": Row("POST", "/incidents/{incident}/unacknowledge", RESPOND, {}),
    "unsnooze_incident": Row("POST", "/incidents/{incident}/unsnooze", RESPOND, {}),
    "snooze_incident": Row("POST", "/incidents/{incident}/snooze", RESPOND, {"length": "1h"}),
    "list_pauses": Row("GET", "/pauses", READ, scope="list"),
    "begin_pause": Row("PUT", "/pause?namespace={ns}", OPERATE, {"reason": "matrix"}),
    "end_pause": Row("DELETE", "/pause?namespace={ns}", OPERATE),
    "get_contact": Row("GET", "/me/contact?namespace={ns}", RESPOND),
    "set_contact": Row("PUT", "/me/contact?namespace={ns}", RESPOND, {"default": [{"channel": "desk"}]}),
    "test_channel": Row("POST", "/channels/{ns}/desk/test", RESPOND),
    "plan_escalation": Row("GET", "/escalation-policies/{ns}/rota/plan", READ),
    "acknowledge_incident": Row("POST", "/incidents/{incident}/acknowledge", RESPOND, {}),
    "resolve_incident": Row("POST", "/incidents/{incident}/resolve", RESPOND, {}),
    "reopen_incident": Row("POST", "/incidents/{incident}/reopen", RESPOND, {}),
    "close_incident": Row("POST", "/incidents/{incident}/close", OPERATE, {}),
    "assign_incident": Row("POST", "/incidents/{incident}/assign", RESPOND, {"assignee": "someone"}),
    "comment_incident": Row("POST", "/incidents/{incident}/comments", RESPOND, {"text": "seen"}),
    "list_incident_memberships": Row("GET", "/incidents/{incident}/memberships", READ),
    "list_incident_suspects": Row("GET", "/incidents/{incident}/suspects", READ),
    "merge_incidents": Row("POST", "/incidents/{incident}/merge", RESPOND, {"incidents": ["INC-0"]}),
    "split_incident": Row("POST", "/incidents/{incident}/split", RESPOND, {"alerts": ["nothing"]}),
    "move_alerts": Row("POST", "/incidents/{incident}/move", RESPOND, {"alerts": ["nothing"]}),
    "act_on_alerts": Row("POST", "/alerts/bulk", READ, {"do": "resolve", "ids": ["nothing"]}, scope="list"),
    "act_on_incidents": Row("POST", "/incidents/bulk", READ, {"do": "resolve", "ids": ["nothing"]}, scope="list"),
    "open_incident": Row("POST", "/incidents", RESPOND, {"title": "By hand", "namespace": "{ns}"}),
    "edit_incident": Row("PATCH", "/incidents/{incident}", RESPOND, {"description": "matrix"}),
    "set_responder": Row("POST", "/incidents/{incident}/responders", RESPOND, {"name": "someone"}),
    "link_incident": Row("POST", "/incidents/{incident}/links", RESPOND, {"target": "TCK-1"}),
    "unlink_incident": Row("DELETE", "/incidents/{incident}/links?target=TCK-9", RESPOND),
    "list_similar_incidents": Row("GET", "/incidents/{incident}/similar", READ),
    "list_incident_updates": Row("GET", "/incidents/{incident}/updates", READ),
    "post_incident_update": Row("POST", "/incidents/{incident}/updates", RESPOND, {"text": "matrix"}),
    "promise_incident_update": Row("POST", "/incidents/{incident}/updates/promise", RESPOND, {"next_update_in": "0s"}),
    "list_tasks": Row("GET", "/tasks?namespace={ns}", READ),
    "get_task": Row("GET", "/tasks/{task}", READ),
    "list_incident_tasks": Row("GET", "/incidents/{incident}/tasks", READ),
    "create_task": Row("POST", "/incidents/{incident}/tasks", RESPOND, {"title": "matrix"}),
    "change_task": Row("PATCH", "/tasks/{task}", RESPOND, {"assignee": "someone"}),
    "turn_task": Row("POST", "/tasks/{task}/state", RESPOND, {"state": "open"}),
    "list_incident_checklists": Row("GET", "/incidents/{incident}/checklists", READ),
    "add_checklist": Row("POST", "/incidents/{incident}/checklists", RESPOND, {"runbook": "nothing"}),
    "mark_step": Row("POST", "/checklists/{checklist}/steps/1", RESPOND, {"state": "open"}),
    "list_problems": Row("GET", "/problems?namespace={ns}", READ),
    "get_problem": Row("GET", "/problems/{problem}", READ),
    "get_problem_timeline": Row("GET", "/problems/{problem}/timeline", READ),
    "list_problem_incidents": Row("GET", "/problems/{problem}/incidents", READ),
    "create_problem": Row("POST", "/problems", RESPOND, {"title": "matrix", "namespace": "{ns}"}),
    "change_problem": Row("PATCH", "/problems/{problem}", RESPOND, {"assignee": "someone"}),
    "transition_problem": Row("POST", "/problems/{problem}/transition", RESPOND, {"state": "open"}),
    "put_incident_to_problem": Row("POST", "/problems/{problem}/incidents/{incident}", RESPOND),
    "take_incident_from_problem": Row("DELETE", "/problems/{problem}/incidents/{incident}", RESPOND),
    "list_changes": Row("GET", "/changes?namespace={ns}", READ),
    "get_change": Row("GET", "/changes/{order}", READ),
    "get_change_timeline": Row("GET", "/changes/{order}/timeline", READ),
    "get_change_plan": Row("GET", "/changes/{order}/plan", READ),
    "list_change_configuration": Row("GET", "/changes/{order}/configuration", READ),
    "revert_change": Row("POST", "/changes/{order}/revert", OPERATE, {"reason": "matrix"}),
    "get_change_plan_difference": Row("GET", "/changes/{order}/plan/difference", READ),
    "get_change_evidence": Row("GET", "/changes/{order}/evidence", READ),
    "create_change": Row("POST", "/changes", OPERATE, {"reason": "matrix", "plan": ORDER, "namespace": "{ns}"}),
    "edit_change": Row("PUT", "/changes/{order}", OPERATE, {"reason": "matrix", "plan": ORDER}),
    "submit_change": Row("POST", "/changes/{order}/submit", OPERATE),
    "start_change": Row("POST", "/changes/{order}/start", OPERATE),
    "cancel_change": Row("POST", "/changes/{order}/cancel", OPERATE, {}),
    "break_glass": Row("POST", "/changes/{order}/break-glass", OPERATE, {"reason": "matrix"}),
    "review_change": Row("POST", "/changes/{order}/review", OPERATE, {"code": "successful"}),
    "get_change_calendar": Row("GET", "/change-calendar?namespace={ns}", READ),
    "list_change_records": Row("GET", "/change-records?namespace={ns}", READ),
    "get_change_record": Row("GET", "/change-records/{change}", READ),
    "get_change_record_timeline": Row("GET", "/change-records/{change}/timeline", READ),
    "create_change_record": Row(
        "POST", "/change-records", OPERATE, {"title": "matrix", "resources": ["x"], "namespace": "{ns}"}
    ),
    "finish_change_record": Row("POST", "/change-records/{change}/finish", OPERATE, {}),
    "finish_change_record_by_key": Row(
        "POST", "/change-records/finish", OPERATE, {"key": "nothing", "namespace": "{ns}"}
    ),
    "list_reviews": Row("GET", "/reviews?namespace={ns}", READ),
    "list_missing_reviews": Row("GET", "/reviews/missing?namespace={ns}", READ),
    "get_review": Row("GET", "/incidents/{reviewed}/review", READ),
    "begin_review": Row("POST", "/incidents/{incident}/review", RESPOND),
    "write_review": Row("PATCH", "/incidents/{reviewed}/review", RESPOND, {"summary": "matrix"}),
    "publish_review": Row("POST", "/incidents/{reviewed}/review/publish", RESPOND),
    "withdraw_review": Row("POST", "/incidents/{reviewed}/review/withdraw", RESPOND),
    "create_action": Row("POST", "/incidents/{reviewed}/review/actions", RESPOND, {"title": "matrix"}),
    "list_handovers": Row("GET", "/handovers?namespace={ns}", READ),
    "preview_handover": Row("GET", "/handovers/preview?namespace={ns}", READ),
    "get_handover": Row("GET", "/handovers/{handover}", READ),
    "create_handover": Row("POST", "/handovers", RESPOND, {"namespace": "{ns}"}),
    "note_handover": Row("POST", "/handovers/{handover}/notes", RESPOND, {"notes": "matrix"}),
    "confirm_handover": Row("POST", "/handovers/{handover}/confirm", RESPOND, {}),
    "list_events": Row("GET", "/events?namespace={ns}", READ),
    "list_audit": Row("GET", "/audit?namespace={ns}", ADMIN),
    "get_event": Row("GET", "/events/{event}", READ),
    "get_event_story": Row("GET", "/events/{event}/story", READ),
    "list_decisions": Row("GET", "/decisions?namespace={ns}", READ),
    "list_runs": Row("GET", "/runs?namespace={ns}", READ),
    "get_run": Row("GET", "/runs/{run}", READ),
    "get_run_timeline": Row("GET", "/runs/{run}/timeline", READ),
    "dry_run": Row("POST", "/runs/dry-run", OPERATE, {"workflow": "note", "namespace": "{ns}"}),
    "list_workers": Row("GET", "/workers", READ, scope="list"),
    "list_schedules": Row("GET", "/schedules", READ, scope="list"),
    "list_offers": Row("GET", "/self-service", READ, scope="list"),
    "list_requests": Row("GET", "/requests?everyones=true", READ, scope="list"),
    "ask": Row("POST", "/requests", READ, {"workflow": "offered", "namespace": "{ns}"}, scope="none"),
    "get_request": Row("GET", "/requests/{request}", READ),
    "get_request_timeline": Row("GET", "/requests/{request}/timeline", READ),
    "withdraw_request": Row("POST", "/requests/{request}/withdraw", READ, {}),
    "list_approvals": Row("GET", "/approvals?namespace={ns}", READ),
    "get_inbox": Row("GET", "/approvals/inbox", READ, scope="list"),
    "get_approval": Row("GET", "/approvals/{approval}", READ),
    "get_approval_timeline": Row("GET", "/approvals/{approval}/timeline", READ),
    "decide_approval": Row("POST", "/approvals/{approval}/decide", RESPOND | {"approver"}, {"decision": "approve"}),
    "delegate_approval": Row("POST", "/approvals/{approval}/delegate", RESPOND | {"approver"}, {"to": "user:basis-2"}),
    "list_run_steps": Row("GET", "/runs/{run}/steps", READ),
    "get_run_why": Row("GET", "/runs/{run}/why", READ),
    "list_run_whys": Row("GET", "/runs/why?run={run}", READ, scope="list"),
    "get_run_attempts": Row("GET", "/runs/{run}/attempts?step=note", READ),
    "get_run_ahead": Row("GET", "/runs/{run}/ahead", READ),
    "pause_run": Row("POST", "/runs/{run}/pause", OPERATE, {}),
    "resume_run": Row("POST", "/runs/{run}/resume", OPERATE, {}),
    "retry_step": Row("POST", "/runs/{run}/retry", OPERATE, {"step": "note"}),
    "skip_step": Row("POST", "/runs/{run}/skip", OPERATE, {"step": "note", "reason": "r"}),
    "fork_run": Row("POST", "/runs/{run}/fork", OPERATE, {"step": "note"}),
    "get_run_log": Row("GET", "/runs/{run}/log", READ),
    "erase_run_log": Row("DELETE", "/runs/{run}/log", ADMIN),
    "start_run": Row("POST", "/runs", OPERATE, {"workflow": "note", "namespace": "{ns}"}),
    "cancel_run": Row("POST", "/runs/{run}/cancel", OPERATE, {}),
    "list_tickets": Row("GET", "/tickets?namespace={ns}", READ),
    "get_ticket": Row("GET", "/tickets/{ticket}", READ),
    "get_ticket_timeline": Row("GET", "/tickets/{ticket}/timeline", READ),
    "list_ticket_comments": Row("GET", "/tickets/{ticket}/comments", READ),
    "create_ticket": Row("POST", "/tickets", OPERATE, {"title": "More disks", "namespace": "{ns}"}),
    "transition_ticket": Row("POST", "/tickets/{ticket}/transition", OPERATE, {"state": "in_progress"}),
    "assign_ticket": Row("POST", "/tickets/{ticket}/assign", OPERATE, {"assignee": None}),
    "list_ticket_mirrors": Row("GET", "/ticket-mirrors?namespace={ns}", READ),
    "list_mirrors_of_ticket": Row("GET", "/tickets/{ticket}/mirrors", READ),
    "retry_ticket_mirrors": Row("POST", "/ticket-mirrors/retry", OPERATE, {"mirror": "nothing", "namespace": "{ns}"}),
    "link_ticket": Row("POST", "/tickets/{ticket}/links", RESPOND, {"target": "OPS-1"}),
    "unlink_ticket": Row("DELETE", "/tickets/{ticket}/links?target=INC-9", RESPOND),
    "comment_ticket": Row("POST", "/tickets/{ticket}/comments", RESPOND, {"text": "seen"}),
    "list_silences": Row("GET", "/silences?namespace={ns}", READ),
    "get_silence": Row("GET", "/silences/{silence}", READ),
    "set_silence": Row(
        "POST",
        "/silences",
        RESPOND,
        {
            "matchers": [{"name": "resource", "value": "nothing"}],
            "starts_at": "2026-01-01T00:00:00Z",
            "ends_at": "2099-01-01T00:00:00Z",
            "comment": "matrix",
            "namespace": "{ns}",
        },
    ),
    "preview_silence": Row(
        "POST",
        "/silences/preview",
        READ,
        {"matchers": [{"name": "resource", "value": "nothing"}], "namespace": "{ns}"},
    ),
    "expire_silence": Row("DELETE", "/silences/{silence}", RESPOND),
    "list_maintenance_windows": Row("GET", "/maintenance-windows", READ, scope="list"),
    "get_maintenance_window": Row("GET", "/maintenance-windows/{ns}/yearly", READ),
    "preview_maintenance_window": Row(
        "POST",
        "/maintenance-windows/preview",
        READ,
        {
            "spec": {
                "matchers": [{"name": "resource", "value": "nothing"}],
                "starts_at": "2026-01-01T00:00",
                "duration": "1h",
            },
            "namespace": "{ns}",
        },
    ),
    "list_policies": Row("GET", "/policies?namespace={ns}", READ),
    "try_on_event": Row("POST", "/policies/try", READ, {"event": {"type": "a", "namespace": "{ns}"}}),
    "get_policy": Row("GET", "/policies/{ns}/quiet", READ),
    "list_windows": Row("GET", "/policies/{ns}/quiet/windows", READ),
    "list_manifests": Row("GET", "/manifests/Workflow", READ, scope="list"),
    "get_manifest": Row("GET", "/manifests/Workflow/{ns}/note", READ),
    "apply_manifests": Row(
        "POST",
        "/manifests",
        EDIT,
        {
            "apiVersion": "oncue/v1",
            "kind": "Team",
            "metadata": {"name": "matrix", "namespace": "{ns}"},
            "spec": {"members": ["someone"]},
        },
    ),
    "list_manifest_versions": Row("GET", "/manifests/Policy/{ns}/quiet/versions", READ),
    "delete_manifest": Row("DELETE", "/manifests/Team/{ns}/nobody", EDIT),
    "get_schema": Row("GET", "/schemas/Policy", READ, scope="none"),
    "list_sources": Row("GET", "/sources", READ, scope="list"),
    "list_source_types": Row("GET", "/sources/types", READ, scope="none"),
    "list_monitors": Row("GET", "/monitors", READ, scope="list"),
    "get_monitor": Row("GET", "/monitors/{ns}/beat", READ),
    "list_services": Row("GET", "/services", READ, scope="list"),
    "get_service_availability": Row("GET", "/services/{ns}/{ns}-service/availability", READ),
    "list_places": Row("GET", "/topology?namespace={ns}", READ),
    "get_topology_map": Row("GET", "/topology/map?namespace={ns}", READ),
    "get_topology_findings": Row("GET", "/topology/findings?namespace={ns}", READ),
    "get_surroundings": Row("GET", "/topology/{ns}/{ns}-service", READ),
    "list_sap_systems": Row("GET", "/sap-systems", READ, scope="list"),
    "list_subscriptions": Row("GET", "/subscriptions", READ, scope="list"),
    "get_subscription": Row("GET", "/subscriptions/{ns}/consumer", READ),
    "pause_subscription": Row("POST", "/subscriptions/{ns}/consumer/pause", OPERATE, {}),
    "resume_subscription": Row("POST", "/subscriptions/{ns}/consumer/resume", OPERATE, {}),
    "test_subscription": Row("POST", "/subscriptions/{ns}/consumer/test", OPERATE, {}),
    "seek_subscription": Row("POST", "/subscriptions/{ns}/consumer/seek", OPERATE, {"to": "earliest"}),
    "list_subscription_dead_letters": Row("GET", "/subscriptions/{ns}/consumer/dead-letters", OPERATE),
    "redrive_subscription_dead_letters": Row(
        "POST", "/subscriptions/{ns}/consumer/dead-letters/redrive", OPERATE, {"all": True}
    ),
    "acknowledge_subscription": Row("POST", "/subscriptions/{ns}/consumer/ack", RESPOND, {"position": "0-1"}),
    "list_teams": Row("GET", "/teams", READ, scope="list"),
    "list_channels": Row("GET", "/channels", READ, scope="list"),
    "list_actions": Row("GET", "/actions", READ, scope="none"),
    "list_workflows": Row("GET", "/workflows", READ, scope="list"),
    "list_series": Row("GET", "/samples/series", READ, scope="list"),
    "get_samples": Row("GET", "/samples", READ, scope="list"),
    "get_now": Row("GET", "/stats/now", READ, scope="list"),
    "explain": Row("GET", "/explain/alert/{alert}", READ),
    "list_dead_letters": Row("GET", "/dead-letters?namespace={ns}", OPERATE),
    "get_dead_letter": Row("GET", "/dead-letters/{letter}", OPERATE),
    "redrive_dead_letter": Row("POST", "/dead-letters/{letter}/redrive", OPERATE, {}),
    "get_itself": Row("GET", "/itself", GLOBAL),
    "list_mails": Row("GET", "/mailbox", GLOBAL),
    "get_mail": Row("GET", "/mailbox/nothing", GLOBAL),
    "list_users": Row("GET", "/users", GLOBAL),
    "create_user": Row("POST", "/users", GLOBAL, {"name": "matrix"}),
    "change_user": Row("PATCH", "/users/nobody", GLOBAL, {"disabled": True}),
    "delete_user": Row("DELETE", "/users/nobody", GLOBAL),
    "create_user_link": Row("POST", "/users/nobody/link", GLOBAL),
    "list_tokens": Row("GET", "/tokens", ADMIN, scope="list"),
    "create_token": Row("POST", "/tokens", ADMIN, {"name": "matrix", "role": "viewer", "namespaces": ["{ns}"]}),
    "revoke_token": Row("DELETE", "/tokens/{token}", ADMIN),
    "list_secrets": Row("GET", "/secrets", ADMIN, scope="list"),
    "set_secret": Row("PUT", "/secrets/{ns}/matrix", ADMIN, {"value": "a value that nobody sees"}),
    "delete_secret": Row("DELETE", "/secrets/{ns}/nothing", ADMIN),
    "sign_in": Row("POST", "/sign-in", SIGNED_IN, {"username": "nobody", "password": "x"}, scope="public"),
    "get_link": Row("GET", "/links/nothing", SIGNED_IN, scope="public"),
    "use_link": Row("POST", "/links/nothing", SIGNED_IN, {"password": "x"}, scope="public"),
    "sign_out": Row("POST", "/sign-out", SIGNED_IN, scope="none"),
    "get_me": Row("GET", "/me", SIGNED_IN, scope="none"),
    "GET /healthz": Row("GET", "//healthz", SIGNED_IN, scope="public"),
    "GET /readyz": Row("GET", "//readyz", SIGNED_IN, scope="public"),
    "GET /metrics": Row("GET", "//metrics", READ, scope="none"),
    "GET /api/v1/openapi.json": Row("GET", "/openapi.json", SIGNED_IN, scope="public"),
    "POST /api/v1/events": Row("POST", "/events", SEND, "event"),
    "GET /api/v1/stream": Row("GET", "/stream?namespace={ns}", READ, scope="stream"),
    "GET /api/v1/subscriptions/{namespace}/{name}/events": Row("GET", "/subscriptions/{ns}/consumer/events", READ),
    "POST /in/{source}": Row("POST", "//in/{source}", SEND, "event"),
    "GET /heartbeat/{namespace}/{monitor}": Row("GET", "//heartbeat/{ns}/beat", SEND),
    "POST /heartbeat/{namespace}/{monitor}": Row("POST", "//heartbeat/{ns}/beat", SEND),
    "GET /alertmanager/{path}": Row("GET", "//alertmanager/api/v2/alerts", READ, scope="list"),
    "POST /alertmanager/{path}": Row("POST", "//alertmanager/api/v2/alerts", SEND, [], scope="none"),
    "DELETE /alertmanager/{path}": Row("DELETE", "//alertmanager/api/v2/silence/{silence}", RESPOND),
    # The routing key in the body is the credential, whoever else the caller is.
    "POST /pagerduty/{path}": Row("POST", "//pagerduty/v2/enqueue", SIGNED_IN, {}, scope="public"),
}

MANIFESTS = """
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: ask, namespace: {ns}}}
spec: {{steps: [{{id: ask, approvals: [{{by: ["user:basis-1"]}}]}}]}}
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: offered, namespace: {ns}}}
spec:
  self_service: {{by: [anyone], approvals: [{{by: ["user:basis-1"]}}]}}
  triggers: [{{id: nightly, schedule: {{cron: "0 3 * * *"}}}}]
  steps: [{{id: note, set: {{a: "1"}}}}]
---
apiVersion: oncue/v1
kind: Workflow
metadata: {{name: note, namespace: {ns}}}
spec:
  steps:
    - id: note
      uses: event.emit
      with: {{type: org.example.noted}}
---
apiVersion: oncue/v1
kind: Policy
metadata: {{name: quiet, namespace: {ns}}}
spec:
  match: {{types: [org.example.never]}}
---
apiVersion: oncue/v1
kind: Monitor
metadata: {{name: beat, namespace: {ns}}}
spec: {{uses: heartbeat, every: 1h, resource: beat}}
---
apiVersion: oncue/v1
kind: Source
metadata: {{name: "{ns}-source", namespace: {ns}}}
spec: {{type: cloudevents}}
---
apiVersion: oncue/v1
kind: Service
metadata: {{name: "{ns}-service", namespace: {ns}}}
spec: {{description: "A service of {ns}"}}
---
apiVersion: oncue/v1
kind: MaintenanceWindow
metadata: {{name: yearly, namespace: {ns}}}
spec:
  matchers: [{{name: resource, value: nothing}}]
  starts_at: "2026-01-01T00:00"
  rrule: FREQ=YEARLY
  duration: 1h
---
apiVersion: oncue/v1
kind: Runbook
metadata: {{name: look, namespace: {ns}}}
spec: {{steps: [{{title: look}}]}}
---
apiVersion: oncue/v1
kind: Subscription
metadata: {{name: consumer, namespace: {ns}}}
spec: {{events: both, from: earliest}}
---
apiVersion: oncue/v1
kind: Channel
metadata: {{name: desk, namespace: {ns}}}
spec: {{type: email, with: {{to: [basis-1@example.com]}}}}
---
apiVersion: oncue/v1
kind: EscalationPolicy
metadata: {{name: rota, namespace: {ns}}}
spec: {{levels: [{{tell: ["channel:desk"]}}]}}
---
apiVersion: oncue/v1
kind: SAPSystem
metadata: {{name: prd, namespace: {ns}}}
spec: {{sid: PRD, service: "{ns}-service", instances: [{{host: "{ns}-host", number: "00"}}]}}
"""


def things(server: Server, namespace: str) -> dict[str, str]:
    """One thing of each kind in a namespace, by the names that the matrix uses."""
    api = server.client

    def made(path: str, body: Any) -> dict[str, Any]:
        answer = api.post(f"/api/v1{path}", json=body)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    applied = api.post("/api/v1/manifests", content=MANIFESTS.format(ns=namespace))
    assert applied.status_code == 200, applied.text
    server.emit(event(namespace=namespace, resource=f"{namespace}-host", service=f"{namespace}-service"))
    sender = made("/tokens", {"name": f"{namespace}-letters", "scope": "source", "namespaces": [namespace]})
    refused = api.post(
        "/api/v1/events",
        content=b'[{"specversion": "1.0"}]',
        headers={"Content-Type": "application/cloudevents-batch+json", "Authorization": f"Bearer {sender['token']}"},
    )
    assert refused.json()["rejected"], refused.text
    only = {"namespace": namespace}
    incident = server.items("incidents", **only)[0]["id"]
    reviewed = made("/incidents", {"title": "It is over", **only})["id"]
    made(f"/incidents/{reviewed}/resolve", {})
    made(f"/incidents/{reviewed}/review", None)
    made("/runs", {"workflow": "ask", **only})
    silence = {**MATRIX["set_silence"].body, **only}
    asker = {"name": f"asks-in-{namespace}", "password": "correct horse battery staple"}
    made("/users", {**asker, "bindings": [{"role": "viewer", "namespace": namespace}]})
    with httpx.Client(base_url=f"{server.url}/api/v1", trust_env=False, timeout=20) as person:
        person.post("/sign-in", json={"username": asker["name"], "password": asker["password"]})
        person.headers["X-CSRF-Token"] = person.cookies["oncue_csrf"]
        request = person.post("/requests", json={"workflow": "offered", **only}).json()["id"]
    return {
        "ns": namespace,
        "alert": server.items("alerts", **only)[0]["id"],
        "incident": incident,
        "request": request,
        "approval": server.items("approvals", **only)[0]["id"],
        "reviewed": reviewed,
        "task": made(f"/incidents/{incident}/tasks", {"title": "look"})["id"],
        "checklist": made(f"/incidents/{incident}/checklists", {"runbook": "look"})["id"],
        "problem": made("/problems", {"title": "It recurs", **only})["id"],
        "handover": made("/handovers", only)["id"],
        "order": made("/changes", {"reason": "Matrix", "plan": ORDER, **only})["id"],
        "change": made("/change-records", {"title": "New disks", "resources": ["x"], **only})["id"],
        "event": server.items("events", **only, type="org.example.disk.full")[0]["position"],
        "run": made("/runs", {"workflow": "note", **only})["id"],
        "ticket": made("/tickets", {"title": f"Ticket of {namespace}", **only})["id"],
        "silence": made("/silences", silence)["id"],
        "letter": str(server.items("dead-letters", **only)[0]["id"]),
        "token": sender["id"],
        "source": f"{namespace}-source",
    }


class World(NamedTuple):
    """A server with things in two namespaces, and a caller for each role, bound to the first."""

    server: Server
    own: dict[str, str]
    foreign: dict[str, str]
    tokens: dict[str, str]
    http: httpx.Client
    """Without credentials of its own."""


@pytest.fixture(scope="module")
def world(oncue_server: Server) -> Iterator[World]:
    tokens = {}
    for role in ROLES:
        scope = {"scope": role} if role in ("source", "worker") else {"scope": "role", "role": role}
        answer = oncue_server.client.post("/api/v1/tokens", json={"name": f"as-{role}", "namespaces": [OWN], **scope})
        assert answer.status_code == 201, answer.text
        tokens[role] = answer.json()["token"]
    own, foreign = things(oncue_server, OWN), things(oncue_server, FOREIGN)
    with httpx.Client(trust_env=False, timeout=20) as http:
        yield World(oncue_server, own, foreign, tokens, http)


def call(world: World, row: Row, names: dict[str, str], token: str | None) -> httpx.Response:
    """Call the route for the things of a namespace."""
    path = row.path.format(**names)
    url = world.server.url + (path[1:] if path.startswith("//") else f"/api/v1{path}")
    headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
    body = filled(row.body, names)
    if row.body == "event":
        headers["Content-Type"] = "application/cloudevents+json"
        body = event(namespace=names["ns"], id=secrets.token_hex(8))
    if row.scope == "stream":
        with world.http.stream(row.method, url, headers=headers) as answer:
            if answer.status_code != 200:
                answer.read()
            return answer
    return world.http.request(row.method, url, headers=headers, json=body)


def filled(value: Any, names: dict[str, str]) -> Any:
    """The body with its namespace."""
    if isinstance(value, str):
        return names["ns"] if value == "{ns}" else value
    if isinstance(value, dict):
        return {key: filled(item, names) for key, item in value.items()}
    return [filled(item, names) for item in value] if isinstance(value, list) else value


def code_of(refused: httpx.Response) -> str:
    """The code of a problem document, or of the sentence that Alertmanager's clients get instead."""
    body = refused.json()
    return str(body["code"]) if isinstance(body, dict) else str(body).rpartition("(")[2].partition(")")[0]


def routes() -> set[str]:
    """Every route that the server has."""
    return {handler.handler_name for handler in HANDLERS} | {f"{method} {path}" for method, path, *_ in OUTSIDE}


def test_every_route_is_in_the_matrix() -> None:
    assert routes() == set(MATRIX)


def test_every_route_declares_its_permission() -> None:
    assert [handler.handler_name for handler in HANDLERS if not handler.opt.get("permission")] == []


@pytest.mark.parametrize("route", sorted(MATRIX))
def test_in_its_namespace_a_role_may_do_what_the_matrix_says_and_no_more(world: World, route: str) -> None:
    row = MATRIX[route]
    for role in ROLES:
        answer = call(world, row, world.own, world.tokens[role])
        if row.scope == "public":
            assert answer.status_code != 403, f"{role}: {answer.text}"
        elif role in row.allowed:
            assert answer.status_code not in (401, 403) and answer.status_code < 500, f"{role}: {answer.text}"
            if row.method == "GET":
                assert answer.status_code == 200, f"{role}: {answer.text}"
        else:
            assert answer.status_code == 403, f"{role}: {answer.status_code}"
            assert code_of(answer) == "access.denied", role


@pytest.mark.parametrize("route", sorted(name for name, row in MATRIX.items() if row.scope == "thing"))
def test_in_a_foreign_namespace_no_role_may_do_anything(world: World, route: str) -> None:
    row = MATRIX[route]
    for role in ROLES:
        answer = call(world, row, world.foreign, world.tokens[role])
        assert answer.status_code in (403, 404), f"{role}: {answer.status_code} {answer.text[:200]}"


@pytest.mark.parametrize("route", sorted(name for name, row in MATRIX.items() if row.scope == "list"))
def test_lists_show_nothing_of_a_foreign_namespace(world: World, route: str) -> None:
    row = MATRIX[route]
    for role in sorted(row.allowed):
        answer = call(world, row, world.own, world.tokens[role])
        assert answer.status_code == 200
        text = answer.text
        for name in ("alert", "incident", "run", "ticket", "silence"):
            assert world.foreign[name] not in text, f"{role} sees {name} of {FOREIGN}"
        assert f'"{FOREIGN}"' not in text and f"{FOREIGN}-host" not in text, role


@pytest.mark.parametrize("route", sorted(name for name, row in MATRIX.items() if row.scope != "public"))
def test_nobody_is_let_in_without_a_credential_or_with_a_wrong_one(world: World, route: str) -> None:
    row = MATRIX[route]
    assert call(world, row, world.own, None).status_code == 401
    wrong = call(world, row, world.own, "oncue_not-a-token")
    assert (wrong.status_code, code_of(wrong)) == (401, "auth.invalid")


def test_the_stream_carries_nothing_of_a_foreign_namespace(world: World) -> None:
    headers = {"Authorization": f"Bearer {world.tokens['viewer']}", "Last-Event-ID": "0-0"}
    seen = []
    marker = secrets.token_hex(6)
    world.server.emit(event(namespace=OWN, resource=marker), event(namespace=FOREIGN, resource=f"foreign-{marker}"))
    with httpx.stream(
        "GET", f"{world.server.url}/api/v1/stream", headers=headers, trust_env=False, timeout=20
    ) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                seen.append(line)
            if f'"{marker}"' in line:
                break
    assert not any(f'"namespace":"{FOREIGN}"' in line for line in seen)


def test_a_refusal_is_journaled_with_its_actor(world: World) -> None:
    call(world, MATRIX["list_users"], world.own, world.tokens["approver"])

    def recorded() -> bool:
        found = world.server.items("audit", type="oncue.audit.access_refused")
        return any(item["event"]["data"]["actor"] == "token:as-approver" for item in found)

    eventually(recorded, what="the audit event")


def test_an_administrator_of_every_namespace_may_do_everything(world: World) -> None:
    for route, row in sorted(MATRIX.items()):
        answer = call(world, row, world.own, world.server.variables["ONCUE_ADMIN_TOKEN"])
        assert answer.status_code not in (403,), f"{route}: {answer.text}"
