"""SQL over JSON that is stored as bytes, the same in SQLite and PostgreSQL."""

from typing import Any

from sqlalchemy import String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction


class text_of(GenericFunction[str]):  # noqa: N801 - a function of SQL
    """The bytes as UTF-8 text: `text_of(column)`."""

    type = String()
    inherit_cache = True


class json_text(GenericFunction[str]):  # noqa: N801 - a function of SQL
    """The text of a member: `json_text(column, "data", "policy")`; NULL if it is not there."""

    type = String()
    inherit_cache = True


@compiles(text_of, "sqlite")
def _text_in_sqlite(element: text_of, compiler: Any, **options: Any) -> str:
    return f"CAST({compiler.process(element.clauses, **options)} AS TEXT)"


@compiles(text_of, "postgresql")
def _text_in_postgresql(element: text_of, compiler: Any, **options: Any) -> str:
    return f"convert_from({compiler.process(element.clauses, **options)}, 'UTF8')"


@compiles(json_text, "sqlite")
def _member_in_sqlite(element: json_text, compiler: Any, **options: Any) -> str:
    column, *path = (compiler.process(clause, **options) for clause in element.clauses)
    keys = " || ".join(f"'.' || {key}" for key in path)
    return f"json_extract(CAST({column} AS TEXT), '$' || {keys})"


@compiles(json_text, "postgresql")
def _member_in_postgresql(element: json_text, compiler: Any, **options: Any) -> str:
    column, *path = (compiler.process(clause, **options) for clause in element.clauses)
    return f"json_extract_path_text(convert_from({column}, 'UTF8')::json, {', '.join(path)})"
