"""`oncue evidence`: what proves how a change went. Export takes it from a server; verify and render need the file alone."""

import base64
import binascii
import sys
from enum import StrEnum
from pathlib import Path

import msgspec
import typer

from oncue.cli import show
from oncue.cli.server import Server, refusal_of
from oncue.core.errors import Refusal

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Evidence of a change: take it from the server, verify it anywhere, read it.",
)

TIMEOUT_S = 300.0

Bundle = typer.Argument(exists=True, dir_okay=False, readable=True, help="The bundle, as JSON.")


class Form(StrEnum):
    """How a bundle is written."""

    json = "json"
    html = "html"
    pdf = "pdf"
    zip = "zip"


@app.command()
def export(
    id: str = typer.Argument(help="The change's id, as CHG-7."),
    file: Path | None = typer.Option(None, "-o", "--output", help="Where to. [default: ID and the form, as ID.json]"),
    form: Form = typer.Option(
        Form.json, "--format", help="json can be verified, html and pdf can be read; zip has json and pdf."
    ),
) -> None:
    """Write the evidence of a change to a file: every journaled record of it with its proof, sealed by the server.

    Take the JSON first, and make the page or the PDF of it with `oncue evidence render`, so that both are of the same seal; or take
    the JSON and its PDF together, as zip.
    """
    with Server() as server:
        path = f"/api/v1{server.path('changes', id, 'evidence')}"
        response = server.raw("GET", path, params={"format": form.value}, timeout=TIMEOUT_S)
        if response.is_error:
            raise refusal_of(response)
    _write(file or Path(f"{id}.{form.value}"), response.content)


@app.command()
def verify(
    file: Path = Bundle,
    key: str | None = typer.Option(
        None, "--key", help="The installation's public key, had another way: a file (keys/checkpoint.pub), or base64."
    ),
    checkpoint: Path | None = typer.Option(
        None, "--checkpoint", exists=True, dir_okay=False, readable=True, help="A checkpoint that was kept elsewhere."
    ),
    output: show.Format = show.Output,
) -> None:
    """Check a bundle without a server: every digest, the chain, the signatures, and that what it tells is what its records say.

    Exit codes: 0 intact, 1 tampered (what and where is named), 2 cannot tell. Without --key only integrity is shown, not origin:
    whoever makes a bundle up can sign it with a key of their own.
    """
    from oncue.evidence.check import verify as check

    kept = checkpoint.read_text("utf-8", "replace") if checkpoint is not None else None
    verdict = check(file.read_bytes(), _key(key) if key is not None else None, kept)
    if output is not show.Format.table:
        show.document(msgspec.to_builtins(verdict), output)
        raise typer.Exit(verdict.exit_code)
    where = f" at {verdict.where}" if verdict.where is not None else ""
    show.done(f"{verdict.result.replace('_', ' ')}{where}: {verdict.detail}")
    if verdict.subject is not None:
        show.note(
            f"{verdict.subject}: {show.counted(verdict.records, 'record')}, {show.counted(verdict.checkpoints, 'checkpoint')}, "
            f"seal {verdict.seal}"
        )
        if verdict.origin:
            show.note("It is signed with the key that was given.")
        else:
            show.note(
                f"It is signed with the key {verdict.key}, which it brings itself: that shows integrity, not origin. See --key."
            )
    for one in verdict.unshown:
        show.note(f"Not shown: {one}.")
    raise typer.Exit(verdict.exit_code)


@app.command()
def render(
    file: Path = Bundle,
    output: Path | None = typer.Option(None, "-o", "--output", help="Where to. [default: beside it, as .html]"),
    pdf: Path | None = typer.Option(None, "--pdf", help="Make a PDF of it, here, and no page unless -o names one."),
) -> None:
    """Make a page or a PDF of a bundle, to be read, printed or filed. A bundle that was tampered with is refused.

    PDF needs the extra oncue[pdf]. Page and PDF name the seal of the bundle; the same bundle gives the same PDF.
    """
    from oncue.evidence import printing
    from oncue.evidence.check import read
    from oncue.evidence.check import verify as check
    from oncue.evidence.html import page

    content = file.read_bytes()
    verdict = check(content)
    if verdict.subject is None:
        raise Refusal("evidence.bent", f"{verdict.result.replace('_', ' ')}: {verdict.detail}")
    _, bundle = read(content)
    if pdf is not None:
        _write(pdf, printing.pdf(bundle))
    if pdf is None or output is not None:
        _write(output or file.with_suffix(".html"), page(bundle).encode())


def _write(path: Path, content: bytes) -> None:
    if str(path) == "-":
        sys.stdout.buffer.write(content)
        return
    path.write_bytes(content)
    show.done(f"{path}: {len(content)} bytes")


def _key(text: str) -> bytes:
    """The key's 32 bytes. Raises `typer.BadParameter`, which ends with 2: that the file was tampered with is another thing."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    from oncue.store.signed_note import raw_key

    path = Path(text)
    try:
        if not path.is_file():
            raw = base64.b64decode(text, validate=True)
            return raw_key(Ed25519PublicKey.from_public_bytes(raw))
        found = load_pem_public_key(path.read_bytes())
    except (ValueError, binascii.Error, OSError) as error:
        said = f"{text[:100]} is neither a file with a public key, nor 32 bytes in base64"
        raise typer.BadParameter(said, param_hint="--key") from error
    if not isinstance(found, Ed25519PublicKey):
        raise typer.BadParameter(f"{text[:100]} has no Ed25519 key", param_hint="--key")
    return raw_key(found)
