"""The action `sapcontrol.query`: any reading method of SAPControl, its rows as outputs, for diagnostic workflows."""

from typing import Annotated, Any, Final, Literal

import msgspec

from oncue.plugins.sap import control, rows
from oncue.plugins.sap.control import READS, SapControl, Target
from oncue.sdk import ActionError, Context, EffectClass, ErrorDoc

BYTES_LIMIT: Final = 12 * 1024
"""Of the rows' JSON: what a run keeps of a step is bounded, and rows are left out rather than cut."""

Method = Literal[
    "GetProcessList",
    "GetSystemInstanceList",
    "GetInstanceProperties",
    "ABAPGetWPTable",
    "GetQueueStatistic",
    "GetAlertTree",
    "ABAPReadSyslog",
    "EnqGetLockTable",
    "GetVersionInfo",
]


class Inputs(Target, kw_only=True, forbid_unknown_fields=True):
    """What to ask, and which rows to keep."""

    method: Method
    where: dict[str, str] = msgspec.field(default_factory=dict)
    """Columns and what they must be, `*` standing for anything: `{status: Run, typ: DIA}`. A node of the alert tree has
    its `path`, too."""
    last: bool = False
    """Keep the last rows rather than the first, as of a log."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    """Rows that are kept at most."""


class Outputs(msgspec.Struct, kw_only=True):
    """The answer. Columns have SAP's names in our way of writing, as `dispstatus` and `instance_nr`."""

    method: str
    rows: list[dict[str, Any]]
    matched: int
    """Rows that fit `where`, whether or not they were kept."""
    total: int
    """Rows of the answer."""
    truncated: bool
    """Whether rows that fit were left out."""


class Query:
    """Asks one question; changes nothing."""

    name = "sapcontrol.query"
    inputs = Inputs
    outputs = Outputs
    errors = (*control.ERRORS, ErrorDoc("inputs.invalid", "`where` names a column that the method's rows do not have."))

    def effect_class(self, inputs: Inputs) -> EffectClass:
        """Asking twice is as good as once."""
        return "pure"

    def plan(self, inputs: Inputs) -> str:
        """Method and instance."""
        return f"{inputs.method} of {control.resource(inputs)} at {control.url(inputs)}"

    async def run(self, inputs: Inputs, context: Context) -> Outputs:
        """The rows that fit."""
        row = READS[inputs.method]
        columns = {field.name for field in msgspec.structs.fields(row)}
        columns |= {"path"} if inputs.method == "GetAlertTree" else set()
        for name in inputs.where:
            if name not in columns:
                known = ", ".join(sorted(columns))
                raise ActionError("inputs.invalid", f"where: {inputs.method} has no column {name}; it has {known}")
        found = await SapControl(inputs, context).rows(inputs.method, row)
        values = [msgspec.structs.asdict(one) for one in found]
        if inputs.method == "GetAlertTree":
            nodes = [one for one in found if isinstance(one, rows.AlertNode)]
            for value, path in zip(values, rows.paths(nodes), strict=True):
                value["path"] = path
        fitting = [value for value in values if _fits(value, inputs.where)]
        kept = _kept(fitting, inputs)
        return Outputs(
            method=inputs.method,
            rows=kept,
            matched=len(fitting),
            total=len(found),
            truncated=len(kept) < len(fitting),
        )


def _fits(value: dict[str, Any], where: dict[str, str]) -> bool:
    return all(
        rows.fits(pattern, str(value[name] if value[name] is not None else "")) for name, pattern in where.items()
    )


def _kept(fitting: list[dict[str, Any]], inputs: Inputs) -> list[dict[str, Any]]:
    ordered = fitting[::-1] if inputs.last else fitting
    kept: list[dict[str, Any]] = []
    size = 0
    for value in ordered[: inputs.limit]:
        size += len(msgspec.json.encode(value)) + 1
        if size > BYTES_LIMIT:
            break
        kept.append(value)
    return kept[::-1] if inputs.last else kept
