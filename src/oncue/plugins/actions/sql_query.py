"""The action `sql.query`: one statement on PostgreSQL or an SQLite file.

It reads unless the step says `write: true`. Values go beside the statement (`parameters`), never into its text. What a crash in
the middle of a change means nobody can tell from outside, so a change is not tried again unless the step says that it may be
(`effect_class: idempotent`).
"""

import time
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.plugins.database import asking
from oncue.plugins.database.binding import mismatches
from oncue.plugins.database.cells import plain
from oncue.plugins.database.statement import ERRORS, Answer, Statement
from oncue.sdk import Context, EffectClass, ErrorDoc, SecretRef, nothing_done_yet
from oncue.sdk.source import Fault

ROWS_LIMIT: Final = 5_000
BYTES_LIMIT: Final = 60 * 1024
"""Of the rows' JSON: rows are left out rather than cut."""


class Inputs(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Which database, and what to ask it."""

    url: SecretRef
    """A secret whose value is an SQLAlchemy URL: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full`, or
    `sqlite:////srv/app/app.db`."""
    query: Annotated[str, msgspec.Meta(min_length=1, max_length=16_384)]
    """One statement. `:name` stands for a value of `parameters`."""
    parameters: Annotated[dict[str, Any], msgspec.Meta(max_length=200)] = {}
    """Names and values. A list is an array in PostgreSQL, for `= ANY(:names)`; in SQLite lists are JSON text, for
    `json_each(:names)`."""
    write: bool = False
    """Whether it may change something. It is a transaction of its own."""
    effect_class: Literal["idempotent", "at-most-once"] | None = None
    """What a crash in the middle of a change may mean; by default it is not tried again without a person."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=ROWS_LIMIT)] = 200
    """Rows that are kept at most; all of them have 60 KB at most."""


class Outputs(msgspec.Struct, kw_only=True):
    """What the database answered."""

    columns: list[str]
    """Their names; a second one of the same name is `name_2`. Without rows PostgreSQL names none."""
    rows: list[dict[str, Any]]
    """By column. Numbers are numbers, instants ISO 8601, intervals seconds, bytes base64, NULL null."""
    count: int
    """Rows that are kept."""
    truncated: bool
    """Whether there were more."""
    changed: int | None = None
    """Rows that a statement with `write` changed."""
    duration_ms: float
    """Connecting, and the statement to its last row."""


class SqlQuery:
    """Asks a database, or changes what is in it."""

    name = "sql.query"
    inputs = Inputs
    outputs = Outputs
    errors = (
        *ERRORS,
        ErrorDoc("sql.constraint", "The change breaks a rule of the database; in its own words."),
        ErrorDoc("sql.conflict", "Others changed the same at the same time; nothing was kept.", transient=True),
        ErrorDoc("sql.connect", "The database cannot be reached, or broke off.", transient=True),
        ErrorDoc("dns.failed", "The host's name does not resolve.", transient=True),
    )

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """Reading is done again; a change only if the step says so."""
        return inputs.effect_class or ("at-most-once" if inputs.write else "pure")

    def faults(self, given: dict[str, Any]) -> Iterable[Fault]:
        """Each name of the statement has a value, and each value a name."""
        query, values = given["query"], given.get("parameters", {})
        if "${" in query or not isinstance(values, dict):
            return
        missing, unused = mismatches(query, values)
        yield from ((("query",), f"it has :{name}, which `parameters` does not give") for name in missing)
        yield from ((("parameters", name), f"the query has no :{name}") for name in unused)

    def plan(self, inputs: Inputs) -> str:
        """The statement, and the name of the secret."""
        verb = "change" if inputs.write else "query"
        return f"{verb} {inputs.url.removeprefix('secret://')}: {' '.join(inputs.query.split())[:500]}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The statement has been carried out, and a change is kept."""
        with nothing_done_yet():
            url = asking.address(inputs.url, context)
        context.say(f"asking {url.get_backend_name()} {url.database or ''} at {url.host or 'this machine'}")
        started = time.monotonic()
        answer = await asking.ask(
            url,
            Statement(text=inputs.query, parameters=inputs.parameters, write=inputs.write, rows=inputs.limit),
            context,
        )
        took_ms = round((time.monotonic() - started) * 1000, 2)
        columns = _names(answer.columns)
        rows, cut = _kept(columns, answer)
        changed = f", {answer.changed} changed" if answer.changed is not None else ""
        context.say(f"{len(rows)} rows{' of more' if cut else ''}{changed}")
        return Outputs(
            columns=columns, rows=rows, count=len(rows), truncated=cut, changed=answer.changed, duration_ms=took_ms
        )


def _names(columns: list[str]) -> list[str]:
    """The columns' names, each once."""
    names: list[str] = []
    for column in columns:
        name, number = column, 2
        while name in names:
            name, number = f"{column}_{number}", number + 1
        names.append(name)
    return names


def _kept(columns: list[str], answer: Answer) -> tuple[list[dict[str, Any]], bool]:
    """As many rows as fit, and whether there were more."""
    kept: list[dict[str, Any]] = []
    size = 0
    for row in answer.rows:
        value = {name: plain(cell) for name, cell in zip(columns, row, strict=True)}
        size += len(msgspec.json.encode(value)) + 1
        if size > BYTES_LIMIT:
            return kept, True
        kept.append(value)
    return kept, answer.more
