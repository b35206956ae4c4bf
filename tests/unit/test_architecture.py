"""What the design promises about the source itself, read from the source."""

import ast
import importlib.metadata
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from oncue.core.errors import CODES

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "oncue"
CORE = sorted((SOURCE / "core").rglob("*.py"))
ALL = sorted(SOURCE.rglob("*.py"))
LINES_LIMIT = 600

CORE_MAY_IMPORT = {
    # pure parts of the standard library
    "__future__",
    "abc",
    "base64",
    "bisect",
    "collections",
    "contextvars",
    "copy",
    "dataclasses",
    "datetime",
    "enum",
    "fnmatch",
    "functools",
    "hashlib",
    "heapq",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "operator",
    "re",
    "struct",
    "sys",  # for intern, and nothing else
    "types",
    "typing",
    "urllib",
    "uuid",  # the type; making one up is banned below
    "zlib",
    # pinned calculation libraries
    "cel_expr_python",
    "cronsim",
    "dateutil",
    "msgspec",
    "re2",
    "tzdata",
    "zoneinfo",
}

BANNED_CALLS = {
    "breakpoint",
    "eval",
    "exec",
    "hash",  # differs from process to process
    "id",  # an address
    "input",
    "open",
    "print",
}

BANNED_METHODS = {
    ("date", "today"),
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
    *(("uuid", f"uuid{version}") for version in (1, 3, 4, 5, 6, 7, 8)),
    ("datetime", "fromtimestamp"),  # local time zone, unless tz is given
}


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


@pytest.fixture(scope="module", autouse=True)
def _forget() -> Iterator[None]:
    yield
    tree_of.cache_clear()


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            yield node.module or "", node.lineno


def parameters(tree: ast.AST) -> set[str]:
    """Names that the module binds itself, so that a call of them is not the builtin's."""
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    return bound


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_core_imports_only_itself_and_pure_libraries(path: Path) -> None:
    wrong = [
        f"line {line}: {name}"
        for name, line in imports(tree_of(path))
        if name.split(".")[0] not in CORE_MAY_IMPORT and not name.startswith("oncue.core") and name != "oncue"
    ]
    assert not wrong


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_core_reads_no_clock_and_asks_for_no_chance_or_address(path: Path) -> None:
    tree = tree_of(path)
    own = parameters(tree)
    wrong = []
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            wrong.append(f"line {node.lineno}: async")
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in BANNED_CALLS - own:
            wrong.append(f"line {node.lineno}: {called.id}()")
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            pair = (called.value.id, called.attr)
            zoned = any(keyword.arg == "tz" for keyword in node.keywords) or len(node.args) > 1
            if pair in BANNED_METHODS and not (pair[1] == "fromtimestamp" and zoned):
                wrong.append(f"line {node.lineno}: {'.'.join(pair)}()")
    assert not wrong


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_core_uses_the_interpreter_only_to_intern_strings(path: Path) -> None:
    wrong = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.ImportFrom) and node.module == "sys":
            wrong += [alias.name for alias in node.names if alias.name != "intern"]
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sys":
            wrong += [node.attr] if node.attr != "intern" else []
    assert not wrong


@pytest.mark.parametrize("path", CORE, ids=relative)
def test_core_never_iterates_over_a_set(path: Path) -> None:
    wrong = []
    for node in ast.walk(tree_of(path)):
        sources: list[ast.expr] = []
        if isinstance(node, ast.For):
            sources = [node.iter]
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            sources = [generator.iter for generator in node.generators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"list", "tuple"}:
            sources = node.args
        wrong += [f"line {source.lineno}" for source in sources if makes_a_set(source)]
    assert not wrong


def makes_a_set(node: ast.expr) -> bool:
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in {"set", "frozenset"}


@pytest.mark.parametrize("path", [path for path in ALL if path.read_text().strip()], ids=relative)
def test_every_module_says_what_it_is_and_fits_a_reader(path: Path) -> None:
    tree = tree_of(path)
    assert ast.get_docstring(tree), "no module docstring"
    assert len(path.read_text().splitlines()) <= LINES_LIMIT, f"longer than {LINES_LIMIT} lines: two concepts?"
    names = {"utils.py", "util.py", "helpers.py", "helper.py", "common.py", "base.py", "manager.py", "misc.py"}
    assert path.name not in names


@pytest.mark.parametrize("path", ALL, ids=relative)
def test_no_except_swallows_everything(path: Path) -> None:
    wrong = []
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.ExceptHandler):
            continue
        broad = node.type is None or (
            isinstance(node.type, ast.Name) and node.type.id in {"Exception", "BaseException"}
        )
        only_pass = all(isinstance(statement, ast.Pass | ast.Continue) for statement in node.body)
        if node.type is None or (broad and only_pass):
            wrong.append(f"line {node.lineno}")
    assert not wrong


def refusal_codes() -> list[tuple[str, str]]:
    """Every literal code that a `Refusal` is made with, and where."""
    found = []
    for path in ALL:
        for node in ast.walk(tree_of(path)):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Refusal"
                and node.args
            ):
                first = node.args[0]
                if isinstance(first, ast.Constant) and isinstance(first.value, str):
                    found.append((first.value, f"{relative(path)}:{node.lineno}"))
    return found


def test_every_code_a_refusal_carries_is_in_the_table() -> None:
    unknown = {f"{code} ({where})" for code, where in refusal_codes() if code not in CODES}
    assert not unknown


def test_every_row_of_the_table_of_errors_can_be_understood_and_acted_on() -> None:
    for code, entry in CODES.items():
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", code), code
        assert entry.title, code
        assert entry.hint.endswith("."), code
        assert 400 <= entry.status <= 599, code


def entry_points() -> list[tuple[str, str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = {"console_scripts": project["scripts"], **project.get("entry-points", {})}
    return [(group, name) for group, names in groups.items() for name in names]


@pytest.mark.parametrize(("group", "name"), entry_points())
def test_every_entry_point_loads(group: str, name: str) -> None:
    found = importlib.metadata.entry_points(group=group, name=name)
    assert [point for point in found if point.dist is not None and point.dist.name == "oncue"]
    for point in found:
        point.load()


def test_requirement_files_hold_hashes_and_name_no_host() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text()
        assert "://" not in text, path.name
        assert "--index-url" not in text, path.name
        for requirement in re.findall(r"^[a-z0-9][^\n]*==[^\n]*(?:\n[^\n]*)", text, re.MULTILINE):
            assert "--hash=sha256:" in requirement, requirement


def test_configuration_is_read_from_the_environment_in_one_module() -> None:
    readers = []
    for path in ALL:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}:
                readers.append(relative(path))
    allowed = {"src/oncue/config.py", "src/oncue/api/front.py", "src/oncue/runtime/supervisor.py"}
    allowed |= {"src/oncue/runtime/parent.py", "src/oncue/runtime/worker.py"}  # who started them
    allowed.add("src/oncue/plugins/limited.py")  # hands a cleared environment on, reads nothing from it
    allowed.add("src/oncue/runtime/running.py")  # that of another process, which it hands to config
    assert set(readers) <= allowed | {path for path in readers if path.startswith("src/oncue/cli/")}
