"""Jira's REST API, version 2, as far as tickets need it: issues of one project, transitions, comments and JQL searches."""

import base64
import itertools
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.itsm.system import Request, Response, System

TOKEN = "jira-token-0c3e"
PROJECT = "OPS"
STATUSES = {"To Do": "new", "In Progress": "indeterminate", "Done": "done"}
_TERM = re.compile(r'(project|labels|updated) (?:=|>=) "?([^" ]+)"?')


class Jira(System):
    """One project without issues, whose workflow leads from every status to every other one, unless `ways` says less."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: dict[str, dict[str, Any]] = {}
        self.now = datetime.now(UTC).replace(microsecond=0)
        self.ways: dict[str, tuple[str, ...]] = {one: tuple(STATUSES) for one in STATUSES}
        self._numbers = itertools.count(1)
        self.tokens = False
        """Whether searches go on by tokens, as in the cloud."""

    def answer(self, request: Request) -> Response:
        basic = base64.b64encode(f"basis-1@example.com:{TOKEN}".encode()).decode()
        if request.headers.get("authorization") not in (f"Bearer {TOKEN}", f"Basic {basic}"):
            return Response(401, "Client must be authenticated to access this resource.")
        rest = request.path.removeprefix("/rest/api/2/").strip("/").split("/")
        match request.method, rest:
            case "GET", ["search", *_]:
                return self._search(request)
            case "POST", ["issue"]:
                if request.body["fields"]["project"] != {"key": PROJECT}:
                    return Response(400, {"errorMessages": [], "errors": {"project": "valid project is required"}})
                made = self.create(request.body["fields"])
                return Response(201, {"id": made["id"], "key": made["key"], "self": f"{self.url}/rest/api/2/issue/1"})
            case _, ["issue", id, *_] if id not in self.issues:
                return Response(404, {"errorMessages": ["Issue does not exist"], "errors": {}})
            case "GET", ["issue", id]:
                return Response(200, self.issues[id])
            case "PUT", ["issue", id]:
                self.change(id, request.body["fields"])
                return Response(204)
            case "GET", ["issue", id, "transitions"]:
                ways = self.ways[self.issues[id]["fields"]["status"]["name"]]
                return Response(200, {"transitions": [{"id": one, "name": one, "to": _status(one)} for one in ways]})
            case "POST", ["issue", id, "transitions"]:
                self.change(id, {"status": _status(request.body["transition"]["id"])})
                return Response(204)
            case "POST", ["issue", id, "comment"]:
                return Response(201, self.remark(id, request.body["body"], "oncue-bot"))
        return Response(404, {"errorMessages": ["not found"]})

    def create(self, fields: dict[str, Any]) -> dict[str, Any]:
        """A new issue is to do."""
        number = next(self._numbers)
        id = str(10_000 + number)
        given = {**fields, "status": _status("To Do"), "comment": {"comments": []}, "created": self._at()}
        self.issues[id] = {"id": id, "key": f"{PROJECT}-{number}", "fields": {**given, "updated": self._at()}}
        return self.issues[id]

    def change(self, id: str, fields: dict[str, Any]) -> None:
        """The issue has these fields."""
        self.issues[id]["fields"] |= {**fields, "updated": self._at()}

    def remark(self, id: str, text: str, by: str) -> dict[str, Any]:
        """Someone comments."""
        fields = self.issues[id]["fields"]
        made = {"id": str(next(self._numbers)), "body": text, "author": {"displayName": by}, "created": self._at()}
        fields["comment"]["comments"].append(made)
        fields["updated"] = made["created"]
        return made

    # what tests of every system ask

    def tickets(self) -> list[tuple[str, str]]:
        """Title and state of each."""
        return [(one["fields"]["summary"], one["fields"]["status"]["name"]) for one in self.issues.values()]

    def remarks(self) -> list[str]:
        """Texts, in order."""
        return [one["body"] for issue in self.issues.values() for one in issue["fields"]["comment"]["comments"]]

    def end(self, remote: str, by: str) -> None:
        """Someone is done with it."""
        self.change(remote, {"status": _status("Done")})

    def _at(self) -> str:
        return self.tick().strftime("%Y-%m-%dT%H:%M:%S.000+0000")

    def _search(self, request: Request) -> Response:
        jql, query = request.query["jql"], request.query
        found = list(self.issues.values())
        for name, value in _TERM.findall(jql):
            if name == "project":
                found = found if value == PROJECT else []
            elif name == "labels":
                found = [one for one in found if value in one["fields"].get("labels", ())]
            else:
                since = datetime.now(UTC) - timedelta(minutes=int(value.strip("-m")))
                found = [one for one in found if datetime.fromisoformat(one["fields"]["updated"]) >= since]
        by = "updated" if "ORDER BY updated" in jql else "created"
        found.sort(key=lambda one: (one["fields"][by], one["id"]))
        first = int(query.get("nextPageToken" if self.tokens else "startAt", 0))
        size = min(int(query.get("maxResults", 50)), 100)
        page: dict[str, Any] = {"issues": found[first : first + size]}
        if self.tokens:
            page |= {"nextPageToken": str(first + size)} if first + size < len(found) else {}
        else:
            page |= {"startAt": first, "maxResults": size, "total": len(found)}
        return Response(200, page)


def _status(name: str) -> dict[str, Any]:
    return {"name": name, "statusCategory": {"key": STATUSES[name]}}
