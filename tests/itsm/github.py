"""GitHub's REST API, as far as tickets need it: issues of one repository and their comments, by labels, since and page."""

import itertools
from typing import Any

from tests.itsm.system import Request, Response, System

TOKEN = "gh-token-2f91"
REPOSITORY = "basis/landscape"


class GitHub(System):
    """One repository without issues."""

    def __init__(self) -> None:
        super().__init__()
        self.issues: dict[int, dict[str, Any]] = {}
        self.comments: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)

    def answer(self, request: Request) -> Response:
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return Response(401, {"message": "Bad credentials"})
        prefix = f"/repos/{REPOSITORY}/issues"
        if not request.path.startswith(prefix):
            return Response(404, {"message": "Not Found"})
        rest = request.path.removeprefix(prefix).strip("/").split("/")
        match request.method, rest:
            case "GET", [""]:
                return self._listed(request)
            case "GET", ["comments"]:
                since = request.query["since"]
                return _page([one for one in self.comments if one["updated_at"] >= since], request)
            case "POST", [""]:
                return Response(201, self.create(request.body, "oncue-bot"))
            case _, [number, *_] if not number.isdecimal() or int(number) not in self.issues:
                return Response(404, {"message": "Not Found"})
            case "GET", [number]:
                return Response(200, self.issues[int(number)])
            case "PATCH", [number]:
                if request.body.get("state") not in (None, "open", "closed"):
                    return Response(422, {"message": "Validation Failed"})
                return Response(200, self.change(number, request.body, "oncue-bot"))
            case "GET", [number, "comments"]:
                return _page([one for one in self.comments if one["issue_url"].endswith(f"/{number}")], request)
            case "POST", [number, "comments"]:
                return Response(201, self.remark(number, request.body["body"], "oncue-bot"))
        return Response(404, {"message": "Not Found"})

    def create(self, values: dict[str, Any], by: str) -> dict[str, Any]:
        """A new issue is open, whatever is asked."""
        number = next(self._numbers)
        self.issues[number] = {
            "number": number, "html_url": f"{self.url}/{REPOSITORY}/issues/{number}", "state": "open", "labels": [],
            "title": "", "body": None, "assignees": [], "closed_by": None, "created_at": self._at(),
        }  # fmt: skip
        return self.change(str(number), {name: one for name, one in values.items() if name != "state"}, by)

    def change(self, number: str, values: dict[str, Any], by: str) -> dict[str, Any]:
        """The issue has these values."""
        issue = self.issues[int(number)]
        issue |= values
        issue["labels"] = [{"name": one} if isinstance(one, str) else one for one in issue["labels"]]
        issue["closed_by"] = {"login": by} if issue["state"] == "closed" else None
        issue["updated_at"] = self._at()
        return issue

    def remark(self, number: str, text: str, by: str) -> dict[str, Any]:
        """Someone comments."""
        at = self._at()
        made = {
            "id": 1000 + len(self.comments), "body": text, "user": {"login": by}, "created_at": at, "updated_at": at,
            "issue_url": f"{self.url}/repos/{REPOSITORY}/issues/{number}",
        }  # fmt: skip
        self.comments.append(made)
        self.issues[int(number)]["updated_at"] = at
        return made

    # what tests of every system ask

    def tickets(self) -> list[tuple[str, str]]:
        """Title and state of each."""
        return [(one["title"], one["state"]) for one in self.issues.values()]

    def remarks(self) -> list[str]:
        """Texts, in order."""
        return [one["body"] for one in self.comments]

    def end(self, remote: str, by: str) -> None:
        """Someone is done with it."""
        self.change(remote, {"state": "closed"}, by)

    def _at(self) -> str:
        return self.tick().strftime("%Y-%m-%dT%H:%M:%SZ")

    def _listed(self, request: Request) -> Response:
        query = request.query
        labels = set(filter(None, query.get("labels", "").split(",")))
        found = [
            one for one in self.issues.values()
            if labels <= {label["name"] for label in one["labels"]}
            and query.get("state", "open") in ("all", one["state"])
            and one["updated_at"] >= query.get("since", "")
        ]  # fmt: skip
        key = "updated_at" if query.get("sort") == "updated" else "created_at"
        found.sort(key=lambda one: (one[key], one["number"]), reverse=query.get("direction", "desc") == "desc")
        return _page(found, request)


def _page(found: list[dict[str, Any]], request: Request) -> Response:
    size, page = min(int(request.query.get("per_page", 30)), 100), int(request.query.get("page", 1))
    return Response(200, found[(page - 1) * size : page * size])
