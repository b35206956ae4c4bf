"""Runs under test: a workflow of these steps, what its actions come to, and what became of it."""

from typing import Any

from tests.unit.story import Story


def run(story: Story, *steps: dict[str, Any], inputs: dict[str, Any] | None = None, **spec: Any) -> str:
    """A run of these steps. Gives its id."""
    declared = {"type": "object", "additionalProperties": True}
    story.apply("Workflow", "w", {"steps": list(steps), "inputs": declared, **spec})
    id: str = story.send("oncue.command.run.start", {"workflow": "w", "inputs": inputs or {}}, actor="user:basis-1")[
        "id"
    ]
    return id


def ended(story: Story) -> tuple[str, str | None]:
    """How the run ended that ended last, and why."""
    last = [fact for fact in story.facts if fact.type.startswith("oncue.run.")][-1]
    data = story.of(last.type.removeprefix("oncue."))[-1]
    return data["state"], data.get("reason")


def order(story: Story) -> list[str]:
    """What ended, as address and state, in this order."""
    found = []
    for fact in story.facts:
        what = fact.type.removeprefix("oncue.step.")
        if fact.type.startswith("oncue.step.") and what not in ("started", "retrying", "validating"):
            found.append(f"{fact.id.partition('/')[2]} {what}")
    return found


def waiting(story: Story) -> list[str]:
    """Addresses of the steps whose actions are under way."""
    return sorted(str(effect.step) for effect in story.state.effects.values() if effect.kind == "action")


def answer(story: Story, address: str, outcome: str = "succeeded", **more: Any) -> None:
    """The action of the step at this address comes to something."""
    (effect,) = [one.id for one in story.state.effects.values() if one.step == address]
    story.result(outcome, effect=effect, **more)


def step(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, **more}


def act(id: str, **more: Any) -> dict[str, Any]:
    return step(id, uses="http.request", **{"with": {"url": "http://127.0.0.1/"}}, **more)
