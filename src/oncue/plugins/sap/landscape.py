"""What a SAP system consists of as it was declared, compared with what the system lists now."""

from collections.abc import Iterable

import msgspec

from oncue.plugins.sap.rows import Instance
from oncue.sdk import SAPInstance, SAPSystemSpec


class Drift(msgspec.Struct, frozen=True):
    """How the two differ. Empty where they agree."""

    missing: list[SAPInstance]
    """Declared, and not listed."""
    undeclared: list[SAPInstance]
    """Listed, and not declared."""


def declared(instance: Instance) -> SAPInstance:
    """An instance of SAPControl's list as a SAPSystem declares it."""
    return SAPInstance(
        host=instance.hostname,
        number=f"{instance.instance_nr:02}",
        features=[feature for feature in instance.features.split("|") if feature],
        start_priority=instance.start_priority or None,
        http_port=instance.http_port or None,
        https_port=instance.https_port or None,
    )


def drift(system: SAPSystemSpec, listed: Iterable[Instance]) -> Drift:
    """Instances are told apart by host and number alone; what else is said of them may differ."""
    found = {one.key: one for one in map(declared, listed)}
    known = {one.key: one for one in system.instances}
    return Drift(
        missing=[one for key, one in known.items() if key not in found],
        undeclared=[one for key, one in found.items() if key not in known],
    )


def named(instances: Iterable[SAPInstance]) -> str:
    """As `prdpas 00, prdaas 03`."""
    return ", ".join(f"{one.host} {one.number}" for one in instances)
