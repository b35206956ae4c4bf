"""Manifests on their way in: read, compared with their schema, checked for sense. The engine gets only what passed here.

`read` or `parse_yaml` gives documents; `check` says everything that is wrong with one; `validate` gives it in the form
that the engine takes, or refuses it; `changes` makes the data of an `oncue.config.applied` input.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, Literal

import msgspec

from oncue.core.errors import CODES, Refusal
from oncue.core.manifest import API_VERSION, KINDS, Manifest, Metadata
from oncue.core.references import Reference, references
from oncue.core.spec import Spec
from oncue.manifests import approvers, calls, told
from oncue.manifests.contradictions import contradictions, recursions
from oncue.manifests.document import Parsed, Path_, parse_yaml, read
from oncue.manifests.finding import Finding
from oncue.manifests.meaning import findings, name_findings, owner_findings, review_findings
from oncue.manifests.reach import out_of_reach
from oncue.manifests.salvage import rest, without
from oncue.manifests.schema import schema
from oncue.manifests.shape import Misfit, misfits, near

__all__ = [
    "Document",
    "Parsed",
    "Problem",
    "changes",
    "check",
    "contradicting",
    "load",
    "located",
    "misgiven",
    "missing",
    "named",
    "parse_yaml",
    "read",
    "recursive",
    "schema",
    "served_at",
    "unheard",
    "unreached",
    "validate",
]


WRITTEN: Final = frozenset({"Workflow", "Policy"})
"""Kinds whose text is kept as it was written, comments included, for the console's editors."""
WRITTEN_LIMIT: Final = 65_536
"""Characters of such a text."""
DEFAULT_ADDRESS: Final = "127.0.0.1:8480"
"""Where a server listens if nobody says otherwise."""


class Document(msgspec.Struct, kw_only=True):
    """A manifest that passed. `spec` is as the author wrote it, with nothing filled in."""

    kind: str
    namespace: str | None
    name: str
    labels: dict[str, str]
    owner: str | None
    review_by: str | None
    description: str | None
    spec: dict[str, Any]
    source: Parsed
    """Where it came from, for messages."""

    @property
    def title(self) -> str:
        """`Kind namespace/name`, or `Kind name`."""
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Problem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that is wrong with, or doubtful about, a manifest."""

    code: str
    detail: str
    level: Literal["error", "warning"] = "error"
    path: str = ""
    """As `spec.match.types[0]`."""
    manifest: str = ""
    file: str = ""
    line: int = 0
    column: int = 0

    @property
    def hint(self) -> str:
        """What to do about such problems."""
        return CODES[self.code].hint if self.code in CODES else ""

    def __str__(self) -> str:
        """One line: place, path, what is wrong."""
        place = ":".join(str(part) for part in (self.file, self.line, self.column) if part)
        what = f"{self.path}: {self.detail}" if self.path else self.detail
        return f"{place}: {what}" if place else what


def check(parsed: Parsed, *, elsewhere: bool = False) -> tuple[Document | None, list[Problem]]:
    """The document, if it can be taken, and everything that is wrong or doubtful. With `elsewhere`, another machine takes it,
    which may have plugins that are not here: that they are missing is nothing wrong."""
    found = [finding for finding in _findings(parsed) if not (elsewhere and finding.of_here)]
    problems = [_problem(finding, parsed) for finding in found]
    if any(finding.level == "error" for finding in found):
        return None, problems
    return _document(parsed), problems


def _document(parsed: Parsed) -> Document:
    """The document, whose members fit."""
    value = parsed.value
    metadata = msgspec.convert(value["metadata"], Metadata)
    return Document(
        kind=value["kind"],
        namespace=metadata.namespace,
        name=metadata.name,
        labels=metadata.labels,
        owner=metadata.owner,
        review_by=metadata.review_by,
        description=metadata.description,
        spec=value["spec"],
        source=parsed,
    )


def unsound(parsed: Iterable[Parsed], accepted: Iterable[Document]) -> tuple[list[Document], list[str]]:
    """Those of the documents that cannot be taken, and whose names of others can be read all the same; and the ids of all of those
    that cannot be taken, for what names them is not wrong."""
    sound = {id(one.source) for one in accepted}
    found, ids = list[Document](), list[str]()
    for one in parsed:
        kind, _, name = _name(one.value).partition(" ")
        if id(one) in sound or kind not in KINDS:
            continue
        namespace = one.value["metadata"].get("namespace") or "default"
        ids.append(f"{kind}/{namespace}/{name}")
        try:
            left = without(one.value["spec"], misfits(one.value["spec"], KINDS[kind], ("spec",), one.plain))
            document = _document(msgspec.structs.replace(one, value={**one.value, "spec": left}))
            list(references(msgspec.convert(document.spec, KINDS[kind]), document.owner))
        except (msgspec.ValidationError, KeyError, Refusal):
            continue
        found.append(document)
    return found, ids


def validate(document: Parsed | dict[str, Any]) -> Document:
    """The document in the form that the engine takes.

    Raises `Refusal`: manifest.invalid, manifest.kind_unknown, expression.invalid or action.unknown; `problems` in `more`
    has all that is wrong.
    """
    parsed = document if isinstance(document, Parsed) else Parsed(document, {}, {})
    accepted, problems = check(parsed)
    if accepted is None:
        raise _refusal([problem for problem in problems if problem.level == "error"])
    return accepted


def load(parsed: Iterable[Parsed], *, elsewhere: bool = False) -> tuple[list[Document], list[Problem]]:
    """All documents that can be taken, and all problems, those between documents included; `elsewhere` as of `check`."""
    accepted: list[Document] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, str | None, str], Document] = {}
    for one in parsed:
        document, found = check(one, elsewhere=elsewhere)
        problems += found
        if document is None:
            continue
        twin = seen.setdefault((document.kind, document.namespace, document.name), document)
        if twin is not document:
            where = f" (the other: {twin.source.file}:{twin.source.place(()).line})" if twin.source.file else ""
            problems.append(_problem(Finding(("metadata", "name"), f"{document.title} is there twice{where}"), one))
        accepted.append(document)
    return accepted, problems


def named(documents: Iterable[Document], namespace: str = "default") -> Iterator[tuple[Document, Reference, str]]:
    """Every name of another manifest in the documents, with the id that it means."""
    for document in documents:
        for reference in references(msgspec.convert(document.spec, KINDS[document.kind]), document.owner):
            yield document, reference, reference.id(document.namespace or namespace)


def missing(
    documents: Iterable[Document], known: Iterable[str] = (), namespace: str = "default", *, complete: bool = False
) -> list[Problem]:
    """Names that neither these documents nor `known` (ids `Kind/namespace/name`) have.

    If `known` is `complete` for them, those that are needed are errors; else all are doubts.
    """
    documents = list(documents)
    there = {f"{one.kind}/{one.namespace or namespace}/{one.name}" for one in documents} | set(known)
    problems = []
    for document, reference, id in named(documents, namespace):
        if id in there:
            continue
        beginning = id.removesuffix(reference.name)
        others = sorted(other.removeprefix(beginning) for other in there if other.startswith(beginning))
        detail = f"there is no {reference.kind} {reference.name} here{near(reference.name, others)}"
        level: Literal["error", "warning"] = "error" if complete and reference.needed else "warning"
        finding = Finding(reference.path, detail, "manifest.reference_unknown", level)
        problems.append(_problem(finding, document.source))
    return problems


def contradicting(documents: Iterable[Document], namespace: str = "default") -> list[Problem]:
    """What several of the documents say that does not go together."""
    documents = list(documents)
    found = contradictions(_given(documents, namespace))
    return [_problem(finding, documents[index].source) for index, finding in found]


def recursive(documents: Iterable[Document], known: Iterable[Manifest], namespace: str = "default") -> list[Problem]:
    """Workflows of the documents that run themselves, with those that are in force in between."""
    documents = list(documents)
    there = [(one.kind, one.namespace, one.name, one.spec) for one in known]
    found = recursions(_given(documents, namespace), there)
    return [_problem(finding, documents[index].source) for index, finding in found]


def misgiven(
    documents: Iterable[Document], known: Iterable[Manifest] = (), namespace: str = "default"
) -> list[Problem]:
    """What is wrong with the inputs that the documents give to workflows, among these or in force, and which manifests in force
    give others than a workflow of the documents takes."""
    documents = list(documents)
    there = [(one.kind, one.namespace, one.name, one.spec) for one in known]
    found = calls.misgiven(_given(documents, namespace), there)
    return [_problem(finding, documents[index].source) for index, finding in found]


def unreached(
    documents: Iterable[Document], known: Iterable[Manifest] = (), namespace: str = "default"
) -> list[Problem]:
    """Steps of the documents that run workflows, among these or in force, whose steps no rollback would undo from there."""
    documents = list(documents)
    there = [(one.kind, one.namespace, one.name, one.spec) for one in known]
    found = out_of_reach(_given(documents, namespace), there)
    return [_problem(finding, documents[index].source) for index, finding in found]


def unanswerable(
    documents: Iterable[Document], known: Iterable[Manifest], namespace: str, exists: Callable[[str], bool]
) -> list[Problem]:
    """Approvals of the documents that ask people whom nobody knows, or more of them than there are."""
    documents = list(documents)
    there = [(one.kind, one.namespace, one.name, one.spec) for one in known]
    found = approvers.doubtful(_given(documents, namespace), there, exists)
    return [_problem(finding, documents[index].source) for index, finding in found]


def unheard(documents: Iterable[Document], known: Iterable[Manifest], namespace: str) -> list[Problem]:
    """Whom the documents tell whom nothing reaches."""
    documents = list(documents)
    there = [(one.kind, one.namespace, one.name, one.spec) for one in known]
    found = told.unheard(_given(documents, namespace), there)
    return [_problem(finding, documents[index].source) for index, finding in found]


def _given(documents: list[Document], namespace: str) -> list[tuple[str, str, str, Any]]:
    return [(one.kind, one.namespace or namespace, one.name, one.spec) for one in documents]


def located(problems: Iterable[Problem], documents: Iterable[Document]) -> list[Problem]:
    """The problems that a server found, with the places in the files that the documents were read from: it knows at most
    those in what was sent to it."""
    sources = {f"{document.kind} {document.name}": document.source for document in documents}
    found = []
    for problem in problems:
        source = sources.get(problem.manifest)
        if source is not None:
            path = next((path for path in source.places if _dotted(path) == problem.path), ())
            place = source.place(path)
            problem = msgspec.structs.replace(problem, file=source.file, line=place.line, column=place.column)
        found.append(problem)
    return found


def changes(documents: Iterable[Document], namespace: str = "default", op: str = "apply") -> list[dict[str, Any]]:
    """The `changes` of an `oncue.config.applied` input; `namespace` is for documents that name none."""
    return [
        {
            "op": op,
            "kind": document.kind,
            "namespace": document.namespace or namespace,
            "name": document.name,
            "labels": document.labels,
            "owner": document.owner,
            "review_by": document.review_by,
            "description": document.description,
            "spec": document.spec,
            **({"text": text} if (text := _kept(document)) is not None else {}),
        }
        for document in documents
    ]


def _kept(document: Document) -> str | None:
    """The document's own text if people edit such: empty if it says no more than its data, None if it was given as data."""
    text = document.source.text
    if document.kind not in WRITTEN or not text:
        return None
    return text if "#" in text and len(text) <= WRITTEN_LIMIT else ""


def served_at(documents: Iterable[Document], host: str, port: int) -> list[Document]:
    """The documents with the default address, 127.0.0.1:8480, replaced by the one that this server listens at.

    For manifests that come with the product and watch the server itself, wherever it was started.
    """
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    address = f"[{here}]:{port}" if ":" in here else f"{here}:{port}"

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: moved(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [moved(inner) for inner in value]
        return value.replace(DEFAULT_ADDRESS, address) if isinstance(value, str) else value

    found = []
    for document in documents:
        spec = moved(document.spec)
        if document.kind == "OutboundAllow" and f"{spec['host']}:{spec.get('port')}" == DEFAULT_ADDRESS:
            spec = {**spec, "host": here, "port": port}
        source = document.source if spec == document.spec else msgspec.structs.replace(document.source, text="")
        found.append(msgspec.structs.replace(document, spec=spec, source=source))
    return found


def _findings(parsed: Parsed) -> Iterator[Finding]:
    value = parsed.value
    if not isinstance(value, dict):
        yield Finding((), "a manifest is a mapping with apiVersion, kind, metadata and spec")
        return
    if value.get("kind") == "Test":
        yield Finding(("kind",), "a test is not applied: run it with `oncue test FILE`", "manifest.kind_unknown")
        return
    known = ("apiVersion", "kind", "metadata", "spec")
    for key in value:
        if key not in known:
            hint = near(key, known)
            yield Finding((key,), f"{key} is not known here{hint}")
    for key in known:
        if key not in value:
            yield Finding(
                (), f"{key} is missing" + (f"; write apiVersion: {API_VERSION}" if key == "apiVersion" else "")
            )
    if value.get("apiVersion", API_VERSION) != API_VERSION:
        yield Finding(("apiVersion",), f"{value['apiVersion']!r} is not taken; write {API_VERSION}")
    if "metadata" in value:
        misfitting = misfits(value["metadata"], Metadata, ("metadata",), parsed.plain)
        yield from map(_finding, misfitting)
        if not misfitting:
            yield from owner_findings(value["metadata"].get("owner"), ("metadata", "owner"))
            yield from review_findings(value["metadata"].get("review_by"), ("metadata", "review_by"))
    if "kind" in value:
        yield from _spec(value["kind"], value.get("spec"), "spec" in value, parsed)


def _spec(kind: Any, spec: Any, given: bool, parsed: Parsed) -> Iterator[Finding]:
    struct: type[Spec] | None = KINDS.get(kind) if isinstance(kind, str) else None
    if struct is None:
        detail = f"{kind!r} is none of {', '.join(KINDS)}{near(str(kind), KINDS)}"
        yield Finding(("kind",), detail, "manifest.kind_unknown")
        return
    if not given:
        return
    misfitting = misfits(spec, struct, ("spec",), parsed.plain)
    yield from map(_finding, misfitting)
    if misfitting:
        for finding in rest(spec, struct, misfitting):
            yield msgspec.structs.replace(finding, path=("spec", *finding.path))
    else:
        try:
            accepted = msgspec.convert(spec, struct)
        except msgspec.ValidationError as error:  # what `shape` does not know of
            yield Finding(("spec",), str(error))
            return
        for finding in findings(accepted):
            yield msgspec.structs.replace(finding, path=("spec", *finding.path))
        metadata = parsed.value.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if isinstance(name, str):
            yield from name_findings(name, accepted)


def _finding(misfit: Misfit) -> Finding:
    return Finding(misfit.path, misfit.detail)


def _problem(finding: Finding, parsed: Parsed) -> Problem:
    place = parsed.place(finding.path)
    return Problem(
        code=finding.code,
        detail=finding.detail,
        level=finding.level,
        path=_dotted(finding.path),
        manifest=_name(parsed.value),
        file=parsed.file,
        line=place.line,
        column=place.column,
    )


def _name(value: Any) -> str:
    metadata = value.get("metadata") if isinstance(value, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    kind = value.get("kind") if isinstance(value, dict) else None
    return f"{kind} {name}" if isinstance(kind, str) and isinstance(name, str) else ""


def _dotted(path: Path_) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _refusal(errors: list[Problem]) -> Refusal:
    first = errors[0]
    name = f"{first.manifest}: " if first.manifest else ""
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    code = first.code if first.code in CODES else "manifest.invalid"
    return Refusal(code, f"{name}{first}{more}", problems=[msgspec.to_builtins(error) for error in errors])
