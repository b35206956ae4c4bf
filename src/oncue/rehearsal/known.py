"""What is known at a place of a run that has not come there, and expressions as far as that goes."""

import re
from datetime import datetime
from typing import Any, Final

import msgspec

from oncue.core.asking import Asked
from oncue.core.expression import VARIABLES, Scope, activation, evaluate, expressions_in, naming, render
from oncue.core.plan import mentions
from oncue.core.state import State
from oncue.rehearsal.fitting import Here

_OUTCOMES: Final = frozenset({"error", "result", "outputs"})
"""What expressions speak of that is not known before it has happened."""
_OF_STEP: Final = re.compile(r"\bsteps(\.\w+)+")
"""What is said of a step, whose `result` and `outputs` are its own."""


class Unknown(Exception):
    """It depends on something that has not happened."""


class Known(msgspec.Struct):
    """What is known at a place of the run."""

    namespace: str
    state: State
    now: datetime
    variables: dict[str, Any]
    """What expressions see."""
    unknown: set[str]
    """Variables whose value is not known: of items, and `vars.NAME`."""
    steps: dict[str, dict[str, Any]]
    """Steps of which it is known what becomes of them."""
    may: tuple[str, ...] | None
    here: Here | None
    """What is so on this server; None if that is not asked."""
    names: tuple[str, ...] = ()
    depth: int = 0
    agreed: frozenset[str] = frozenset()
    """Steps that ask people, who are taken to agree: what they come to is known, and not who they are."""

    def scope(self) -> Scope:
        """What expressions are evaluated in."""
        variables = {**self.variables, "steps": self.steps}
        if not self.names:
            return activation(variables, Asked(self.state, self.namespace))
        return naming(self.names).activation(variables, Asked(self.state, self.namespace))

    def require(self, text: str) -> None:
        """Raises `Unknown` if the expression speaks of what is not known."""
        said = mentions([text])
        waits = sorted(id for id in said.steps if id not in self.steps)
        if waits:
            what = "other steps" if waits == ["*"] else f"{'step' if len(waits) == 1 else 'steps'} {', '.join(waits)}"
            raise Unknown(f"depends on {what}: {text}")
        if any(re.search(rf"\bsteps\.{id}\.(?!state\b)", text) for id in said.steps & self.agreed):
            raise Unknown(f"depends on who agrees: {text}")
        words = mentions([_OF_STEP.sub("steps", text)]).words
        others = sorted((words & (_OUTCOMES | self.unknown)) - {"vars"})
        if others:
            raise Unknown(f"depends on {', '.join(others)}: {text}")

    def value(self, text: str) -> Any:
        """What the expression gives. Raises `Unknown`, `Failed`."""
        self.require(text)
        return evaluate(text, self.scope())

    def rendered(self, value: Any) -> tuple[Any, str | None]:
        """(the value with everything evaluated that is known, what it depends on besides). Raises `Failed`."""
        if isinstance(value, str):
            try:
                for text in expressions_in(value):
                    self.require(text)
            except Unknown as unknown:
                return value, str(unknown)
            return render(value, self.scope()), None
        if isinstance(value, dict):
            parts = {key: self.rendered(inner) for key, inner in value.items()}
            return {key: one for key, (one, _) in parts.items()}, next((why for _, why in parts.values() if why), None)
        if isinstance(value, list):
            each = [self.rendered(inner) for inner in value]
            return [one for one, _ in each], next((why for _, why in each if why), None)
        return value, None

    def within(self, names: tuple[str, ...], unknown: set[str], known: dict[str, Any]) -> "Known":
        """What is known within an item: what is found out there is not known outside."""
        return msgspec.structs.replace(
            self, variables={**self.variables, **known}, unknown=self.unknown | unknown, steps=dict(self.steps),
            names=tuple(name for name in names if name not in VARIABLES),
        )  # fmt: skip
