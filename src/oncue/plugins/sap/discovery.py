"""What one instance knows of its whole system: its id, its instances, its database, and which methods it protects.

The list of instances holds a HANA database only if it has the system's own SID. Else the profile names it, which SAP's
default lets only an operating-system user read; what is not told is said in a note, and left out.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from oncue.plugins.sap.control import SapControl
from oncue.plugins.sap.rows import Instance, Process, Property
from oncue.sdk import ActionError, SAPDatabase

PARAMETERS: Final = ("SAPDBHOST", "dbms/type", "j2ee/dbtype", "dbs/hdb/dbname")
"""Of the profile: where the database is, of what type, and the tenant's name of a HANA."""

_TENANT: Final = re.compile(r"HDB Indexserver-(\w+)$", re.ASCII)
_TYPE: Final = re.compile(r"[a-z0-9]{2,20}", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9.:_-]{1,253}", re.ASCII)


class Discovered(msgspec.Struct, frozen=True):
    """A SAP system as one instance knows it."""

    sid: str
    instances: list[Instance]
    """In the order in which they start."""
    database: SAPDatabase | None
    protected: frozenset[str]
    """Methods that want a user, at the instance that was asked."""
    untold: str = ""
    """Why the database is left out, if it is."""


async def discover(client: SapControl, number: int) -> Discovered:
    """Ask the instance with this number. Raises `ActionError` as `SapControl.rows` does; sap.answer if it knows no system."""
    properties = {one.property: one.value for one in await client.rows("GetInstanceProperties", Property)}
    instances = await client.rows("GetSystemInstanceList", Instance)
    sid = properties.get("SAPSYSTEMNAME", "")
    if not sid or not instances:
        raise ActionError("sap.answer", "the instance names no system, or lists no instances")
    instances = sorted(instances, key=lambda one: (_priority(one), one.instance_nr, one.hostname))
    protected = frozenset(filter(None, properties.get("Protected Webmethods", "").split(",")))
    parameters: dict[str, str] = {}
    processes: list[Process] = []
    untold = "the database is left out, as neither the list of instances nor the profile names it"
    if not any(map(is_hana, instances)):
        try:
            parameters = await _parameters(client)
        except ActionError as error:
            if error.code not in ("sap.credentials", "sap.permission", "sap.method_unknown"):
                raise
            untold = f"the database is left out, as the profile is not told ({error.code}); it takes a user who may call ParameterValue"  # fmt: skip
    elif any(is_hana(one) and one.instance_nr == number for one in instances):
        processes = await client.rows("GetProcessList", Process)
    database = database_of(instances, processes, parameters)
    return Discovered(sid, instances, database, protected, "" if database is not None else untold)


def database_of(
    instances: Sequence[Instance], processes: Sequence[Process], parameters: Mapping[str, str]
) -> SAPDatabase | None:
    """The database by the system's instances and the programs of a HANA one, or by `PARAMETERS`; None if they do not tell."""
    own = [one for one in instances if is_hana(one)]
    if own:
        hosts = {one.hostname for one in own}
        numbers = {f"{one.instance_nr:02}" for one in own}
        tenants = {found[1] for one in processes if (found := _TENANT.search(one.description))}
        return SAPDatabase(type="hdb", name=_only(tenants), host=_only(hosts), instance=_only(numbers))
    name = parameters.get("dbs/hdb/dbname") or None
    type = (parameters.get("dbms/type") or parameters.get("j2ee/dbtype") or ("hdb" if name else "")).lower()
    if not _TYPE.fullmatch(type):
        return None
    host = parameters.get("SAPDBHOST", "")
    return SAPDatabase(type=type, name=name[:64] if name else None, host=host if _HOST.fullmatch(host) else None)


def is_hana(instance: Instance) -> bool:
    """Whether it is an instance of a HANA database."""
    return "HDB" in instance.features.split("|")


async def _parameters(client: SapControl) -> dict[str, str]:
    """What the profile says. One that it does not have may be a fault, which says nothing."""
    found = {}
    for name in PARAMETERS:
        try:
            found[name] = await client.parameter(name)
        except ActionError as error:
            if error.code != "sap.fault":
                raise
    return found


def _priority(instance: Instance) -> float:
    try:
        return float(instance.start_priority)
    except ValueError:
        return float("inf")


def _only(values: set[str]) -> str | None:
    """The value, if there is no other."""
    return next(iter(values)) if len(values) == 1 else None
