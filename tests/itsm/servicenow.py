"""ServiceNow's Table API, as far as tickets need it: `/api/now/table/{table}` with GET, POST and PATCH, encoded queries,
`sysparm_fields`, `_limit` and `_offset`, and work notes that become rows of `sys_journal_field`.
"""

import base64
import itertools
from typing import Any

from tests.itsm.system import Request, Response, System

USER, PASSWORD = "oncue.bot", "sn-password-4c1d"
PREFIX = {"incident": "INC", "change_request": "CHG", "problem": "PRB"}
FORM = "%Y-%m-%d %H:%M:%S"


def error(status: int, message: str, detail: str = "") -> Response:
    return Response(status, {"error": {"message": message, "detail": detail}, "status": "failure"})


class ServiceNow(System):
    """An instance with empty tables."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: dict[str, dict[str, dict[str, Any]]] = {name: {} for name in (*PREFIX, "sys_journal_field")}
        self._numbers = itertools.count(1)

    def answer(self, request: Request) -> Response:
        wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != wanted:
            return error(401, "User Not Authenticated", "Required to provide Auth information")
        parts = request.path.strip("/").split("/")
        if parts[:3] != ["api", "now", "table"] or len(parts) not in (4, 5):
            return error(400, "Requested URI does not represent any resource")
        if parts[3] not in self.tables:
            return error(400, f"Invalid table {parts[3]}")
        rows = self.tables[parts[3]]
        if len(parts) == 5 and parts[4] not in rows:
            return error(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        if request.method == "GET" and len(parts) == 4:
            return self._query(rows, request)
        if request.method == "POST" and len(parts) == 4:
            row = self.create(parts[3], request.body, USER)
            return Response(201, {"result": _shown(row, request)})
        if request.method == "PATCH" and len(parts) == 5:
            row = self.change(parts[3], parts[4], request.body, USER)
            return Response(200, {"result": _shown(row, request)})
        return error(405, "Method not supported")

    def create(self, table: str, values: dict[str, Any], by: str) -> dict[str, Any]:
        """A new record. Its state is the table's first unless it is given."""
        number = next(self._numbers)
        sys_id = f"{number:032x}"
        at = self.tick().strftime(FORM)
        first = {"incident": "1", "change_request": "-5", "problem": "101"}[table]
        row = {"sys_id": sys_id, "number": f"{PREFIX[table]}{number:07}", "state": first, "sys_created_on": at}
        self.tables[table][sys_id] = row
        return self.change(table, sys_id, values, by)

    def change(self, table: str, sys_id: str, values: dict[str, Any], by: str) -> dict[str, Any]:
        """The record has these values; work notes and comments become rows of the journal."""
        row = self.tables[table][sys_id]
        at = self.tick().strftime(FORM)
        for name, value in values.items():
            if name in ("work_notes", "comments"):
                id = f"{next(self._numbers):032x}"
                self.tables["sys_journal_field"][id] = {
                    "sys_id": id, "element_id": sys_id, "element": name, "value": value, "sys_created_on": at,
                    "sys_created_by": by,
                }  # fmt: skip
            else:
                row[name] = str(value)
        row |= {"sys_updated_on": at, "sys_updated_by": by}
        return row

    def records(self, table: str = "incident") -> list[dict[str, Any]]:
        """All of a table."""
        return list(self.tables[table].values())

    def notes(self) -> list[str]:
        """The texts of all work notes and comments, in order."""
        return [row["value"] for row in self.tables["sys_journal_field"].values()]

    def _query(self, rows: dict[str, dict[str, Any]], request: Request) -> Response:
        found, order = list(rows.values()), []
        for term in filter(None, request.query.get("sysparm_query", "").split("^")):
            if term.startswith("ORDERBY"):
                order.append(term.removeprefix("ORDERBY"))
                continue
            sign = next((sign for sign in (">=", "IN", "=") if sign in term), None)
            if sign is None:
                return error(400, "Invalid query detected", f"The invalid query is {term}")
            name, _, value = term.partition(sign)
            found = [row for row in found if _holds(str(row.get(name, "")), sign, value)]
        for name in reversed(order):
            found.sort(key=lambda row: str(row.get(name, "")))
        first, limit = int(request.query.get("sysparm_offset", 0)), int(request.query.get("sysparm_limit", 10_000))
        page = [_shown(row, request) for row in found[first : first + limit]]
        return Response(200, {"result": page}, {"X-Total-Count": str(len(found))})


def _holds(has: str, sign: str, value: str) -> bool:
    return has >= value if sign == ">=" else has in value.split(",") if sign == "IN" else has == value


def _shown(row: dict[str, Any], request: Request) -> dict[str, Any]:
    fields = request.query.get("sysparm_fields")
    return {name: row.get(name, "") for name in fields.split(",")} if fields else dict(row)
