"""Asks a database that a secret names by its URL: PostgreSQL, or an SQLite file.

One statement at a time, with a deadline that ends it on the server's side as well. Unless it may write, the database itself
keeps it from changing anything.
"""

from typing import Final

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from oncue.plugins.database import postgresql, sqlite
from oncue.plugins.database.statement import Answer, Statement
from oncue.sdk import ActionError, Context

_SHARE: Final = 0.9
"""Of the time that is left: the database's own deadline comes first, and says what happened."""


def address(reference: str, context: Context) -> URL:
    """What the secret says. Raises `ActionError` sql.url, secret.not_found."""
    try:
        url = make_url(context.secret(reference))
    except (ArgumentError, ValueError) as error:
        raise ActionError("sql.url", "the secret is not a database URL") from error
    if url.password:
        context.mask.add(str(url.password))
    return url


async def ask(url: URL, statement: Statement, context: Context) -> Answer:
    """What the database answers.

    Raises `ActionError` with the codes of `statement.ERRORS`, inputs.invalid, outbound.refused, and sql.constraint for a
    change that breaks a rule of the database. Transient are timeout, dns.failed, sql.connect, and sql.conflict where others
    changed the same.
    """
    backend = url.get_backend_name()
    within_s = max(0.001, context.remaining_s * _SHARE)
    if backend == "postgresql":
        return await postgresql.ask(url, statement, context, within_s)
    if backend == "sqlite":
        return await sqlite.ask(url, statement, within_s)
    raise ActionError("sql.url", f"{backend} is not supported; postgresql and sqlite are", nothing_done=True)
