"""SQL over JSON that is stored as bytes, the same in SQLite and PostgreSQL."""

from typing import Any

from sqlalchemy import Boolean, String
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


class json_lists(GenericFunction[bool]):  # noqa: N801 - a function of SQL
    """Whether a member that is a list of texts has this one: `json_lists(column, "resources", "db-1")`."""

    type = Boolean()
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


@compiles(json_lists, "sqlite")
def _listed_in_sqlite(element: json_lists, compiler: Any, **options: Any) -> str:
    column, key, wanted = (compiler.process(clause, **options) for clause in element.clauses)
    return f"EXISTS (SELECT 1 FROM json_each(CAST({column} AS TEXT), '$.' || {key}) AS one WHERE one.value = {wanted})"  # noqa: S608 - what stands in it is compiled


@compiles(json_lists, "postgresql")
def _listed_in_postgresql(element: json_lists, compiler: Any, **options: Any) -> str:
    column, key, wanted = (compiler.process(clause, **options) for clause in element.clauses)
    return f"jsonb_exists(convert_from({column}, 'UTF8')::jsonb -> {key}, {wanted})"
