"""Commands that give inputs to a workflow: what must not be written down is sealed before it is.

The engine says of a command that it holds such inputs, and keeps nothing of it. Then each value is checked here, where its
real rule counts for the last time, and sealed as a row that travels with the command; `secret://run/WORD/INPUT` stands in
its place. A workflow without such inputs costs nothing for it.
"""

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import msgspec
from sqlalchemy import Connection

from oncue.access import records
from oncue.access.records import Secret
from oncue.access.roles import Principal, allowed
from oncue.access.secrets import load_key, seal
from oncue.api.context import Context
from oncue.core import hidden, inputs
from oncue.core.errors import Refusal
from oncue.core.manifest import Manifest
from oncue.core.workflow_spec import WorkflowSpec
from oncue.manifests.shape import near
from oncue.runtime.frames import SideWrite
from oncue.store.queries import manifest_bodies, manifests

REFER: Final = "manifest:write"
"""Who holds this may refer to secrets: in a manifest, or in what they give to a run."""
_WORD_BYTES: Final = 12

Schema = dict[str, Any]
Takes = Callable[[Connection, Manifest], Schema]
"""What a workflow wants of whoever gives it inputs."""


def declared(connection: Connection, workflow: Manifest) -> Schema:
    """What the workflow takes from whoever starts it by hand."""
    return msgspec.convert(workflow.spec, WorkflowSpec).inputs


async def give(
    ctx: Context, type: str, data: dict[str, Any], *, who: Principal, namespace: str,
    takes: Takes = declared, may_refer: bool = False,
) -> Any:  # fmt: skip
    """Give a command with `workflow` and `inputs`; returns the reply's data after the commit.

    `takes` says what the workflow wants, or refuses whoever asks; with `may_refer` references to secrets are not theirs, and pass. Raises
    `Refusal` access.denied if they name a secret and may not, workflow.inputs_invalid, and the code of the engine's answer; where there
    is no such workflow, with the nearest name among those that they may have.
    """
    try:
        return await _give(ctx, type, data, who, namespace, takes, may_refer=may_refer)
    except Refusal as refusal:
        if refusal.code != hidden.GIVEN[type]:
            raise
        names = await ctx.queries.run(partial(_names, namespace=namespace, takes=takes))
        raise Refusal(refusal.code, f"{refusal.detail}{near(data['workflow'], names)}") from refusal


async def _give(
    ctx: Context, type: str, data: dict[str, Any], who: Principal, namespace: str, takes: Takes, *, may_refer: bool
) -> Any:
    if not may_refer and not allowed(who, REFER, namespace):
        await _refuse_references(ctx, type, data, namespace, takes)
    try:
        return await ctx.command(type, data, who=who, namespace=namespace)
    except Refusal as refusal:
        if refusal.code != "workflow.inputs_hidden" or hidden.held(data["inputs"]):
            raise
    schema = await ctx.queries.run(
        partial(_schema, type=type, namespace=namespace, workflow=data["workflow"], takes=takes)
    )
    given, side = _sealed(load_key(ctx.config.data), namespace, schema, data["inputs"], who.actor)
    return await ctx.command(type, {**data, "inputs": given}, who=who, namespace=namespace, side=side)


async def _refuse_references(ctx: Context, type: str, data: dict[str, Any], namespace: str, takes: Takes) -> None:
    """Whoever may start runs could have a secret sent to where they like, if they could name it. What the workflow itself
    has for a default they may give. Raises `Refusal` access.denied."""
    if not any(hidden.references(data["inputs"])):
        return
    schema = await ctx.queries.run(
        partial(_schema, type=type, namespace=namespace, workflow=data["workflow"], takes=takes)
    )
    properties = schema.get("properties", {})
    for name, value in data["inputs"].items():
        if any(hidden.references(value)) and value != properties.get(name, {}).get("default"):
            detail = f"{name[:100]}: to name a secret needs the permission {REFER} in the namespace {namespace}"
            raise Refusal("access.denied", detail)


def _names(connection: Connection, namespace: str, takes: Takes) -> list[str]:
    """The workflows to which whoever asks may give inputs."""
    found = []
    for body in manifests(connection, "Workflow", frozenset({namespace})):
        workflow = msgspec.json.decode(body, type=Manifest)
        with suppress(Refusal):
            takes(connection, workflow)
            found.append(workflow.name)
    return found


def _schema(connection: Connection, type: str, namespace: str, workflow: str, takes: Takes) -> Schema:
    id = f"Workflow/{namespace}/{workflow}"
    body = manifest_bodies(connection, [id]).get(id)
    if body is None:
        raise Refusal(hidden.GIVEN[type], f"{workflow[:100]} in {namespace}")
    return takes(connection, msgspec.json.decode(body, type=Manifest))


def _sealed(
    key: bytes, namespace: str, schema: Schema, given: dict[str, Any], by: str
) -> tuple[dict[str, Any], list[SideWrite]]:
    """The inputs with what stands for the hidden ones, and the rows that keep those. Raises `Refusal`
    workflow.inputs_invalid."""
    inputs.known(schema, given)
    now, word = datetime.now(UTC), secrets.token_hex(_WORD_BYTES)
    kept, side = dict(given), []
    for name, value in hidden.plain(schema, given).items():
        id = f"run/{word}/{name}"
        sealed = seal(key, namespace, id, value)
        row = Secret(namespace=namespace, name=id, sealed=sealed, updated_at=now, updated_by=by)
        side.append(records.put_input(row))
        kept[name] = f"{inputs.REFERENCE}{id}"
    return kept, side
