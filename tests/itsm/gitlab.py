"""GitLab's REST API, version 4, as far as tickets need it: issues of one project, their labels, state events and notes."""

import itertools
from datetime import datetime
from typing import Any

from tests.itsm.system import Request, Response, System

TOKEN = "gl-token-77ab"
PROJECT = "basis/landscape"


class GitLab(System):
    """One project without issues."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: dict[int, dict[str, Any]] = {}
        self.notes: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)

    def answer(self, request: Request) -> Response:
        if request.headers.get("private-token") != TOKEN:
            return Response(401, {"message": "401 Unauthorized"})
        prefix = f"/api/v4/projects/{PROJECT}/issues"
        if not request.path.startswith(prefix):
            return Response(404, {"message": "404 Project Not Found"})
        rest = request.path.removeprefix(prefix).strip("/").split("/")
        match request.method, rest:
            case "GET", [""]:
                return self._listed(request)
            case "POST", [""]:
                return Response(201, self.create(request.body, "oncue-bot"))
            case _, [iid, *_] if not iid.isdecimal() or int(iid) not in self.issues:
                return Response(404, {"message": "404 Not found"})
            case "GET", [iid]:
                return Response(200, self.issues[int(iid)])
            case "PUT", [iid]:
                if not request.body:
                    return Response(400, {"error": "title, description ... are missing, at least one must be provided"})
                return Response(200, self.change(iid, request.body, "oncue-bot"))
            case "GET", [iid, "notes"]:
                found = [one for one in self.notes if one["noteable_iid"] == int(iid)]
                found.sort(key=lambda one: one["created_at"], reverse=request.query.get("sort", "desc") == "desc")
                return _page(found, request)
            case "POST", [iid, "notes"]:
                return Response(201, self.remark(iid, request.body["body"], "oncue-bot"))
        return Response(404, {"message": "404 Not found"})

    def create(self, values: dict[str, Any], by: str) -> dict[str, Any]:
        """A new issue is opened."""
        iid = next(self._numbers)
        self.issues[iid] = {
            "iid": iid, "web_url": f"{self.url}/{PROJECT}/-/issues/{iid}", "state": "opened", "labels": [], "title": "",
            "description": None, "closed_by": None, "created_at": self._at(),
        }  # fmt: skip
        return self.change(str(iid), values, by)

    def change(self, iid: str, values: dict[str, Any], by: str) -> dict[str, Any]:
        """The issue has these values."""
        issue = self.issues[int(iid)]
        for name, value in values.items():
            some = value.split(",") if isinstance(value, str) and "labels" in name else []
            if name == "state_event":
                issue["state"] = {"close": "closed", "reopen": "opened"}[value]
                self.notes.append(self._note(iid, f"{issue['state']}", by, system=True))
            elif name == "labels":
                issue["labels"] = some
            elif name == "add_labels":
                issue["labels"] = [*dict.fromkeys([*issue["labels"], *some])]
            elif name == "remove_labels":
                issue["labels"] = [one for one in issue["labels"] if one not in some]
            else:
                issue[name] = value
        issue["closed_by"] = {"username": by} if issue["state"] == "closed" else None
        issue["updated_at"] = self._at()
        return issue

    def remark(self, iid: str, text: str, by: str) -> dict[str, Any]:
        """Someone notes something."""
        made = self._note(iid, text, by)
        self.notes.append(made)
        self.issues[int(iid)]["updated_at"] = made["created_at"]
        return made

    # what tests of every system ask

    def tickets(self) -> list[tuple[str, str]]:
        """Title and state of each."""
        return [(one["title"], one["state"]) for one in self.issues.values()]

    def remarks(self) -> list[str]:
        """Texts of people, in order."""
        return [one["body"] for one in self.notes if not one["system"]]

    def end(self, remote: str, by: str) -> None:
        """Someone is done with it."""
        self.change(remote, {"state_event": "close"}, by)

    def _note(self, iid: str, text: str, by: str, *, system: bool = False) -> dict[str, Any]:
        return {
            "id": 5000 + len(self.notes), "body": text, "author": {"username": by}, "created_at": self._at(),
            "system": system, "noteable_iid": int(iid),
        }  # fmt: skip

    def _at(self) -> str:
        return self.tick().strftime("%Y-%m-%dT%H:%M:%S.000Z")

    def _listed(self, request: Request) -> Response:
        query = request.query
        labels = set(filter(None, query.get("labels", "").split(",")))
        since = query.get("updated_after")
        found = [
            one for one in self.issues.values()
            if labels <= set(one["labels"])
            and (since is None or datetime.fromisoformat(one["updated_at"]) >= datetime.fromisoformat(since))
        ]  # fmt: skip
        key = query.get("order_by", "created_at")
        found.sort(key=lambda one: (one[key], one["iid"]), reverse=query.get("sort", "desc") == "desc")
        return _page(found, request)


def _page(found: list[dict[str, Any]], request: Request) -> Response:
    size, page = min(int(request.query.get("per_page", 20)), 100), int(request.query.get("page", 1))
    return Response(200, found[(page - 1) * size : page * size], {"X-Total": str(len(found)), "X-Page": str(page)})
