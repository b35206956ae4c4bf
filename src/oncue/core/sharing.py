"""What becomes of that which rests on events of another namespace, when they are shared no more."""

from oncue.core import detect, stages
from oncue.core.normalise import EXPORTED
from oncue.core.tx import Tx
from oncue.core.window import owner_of


def reconfigure(tx: Tx) -> None:
    """Exports have changed, or policies are gone. Where nothing is shared any more, or nobody is there who would be told,
    nobody will hear that it is over: so it ends.
    """
    state = tx.state

    def ended(origin: str, namespace: str) -> bool:
        home = origin.removeprefix(EXPORTED)
        return origin.startswith(EXPORTED) and namespace not in state.exports.importing(home, state.policies)

    over = sorted(id for id, alert in state.alerts.items() if ended(alert.source, alert.namespace))
    raised: dict[str, list[str]] = {id: [] for id in over}
    for cell in sorted(state.windows):
        cells = raised.get(state.windows[cell].alert or "")
        if cells is not None:
            cells.append(cell)
    for id in over:
        alert = state.alerts[id]
        for cell in raised[id]:
            detect.let_go(tx, cell)
        if alert.state == "firing":
            stages.resolve(tx, alert, "withdrawn")
    for cell in sorted(state.windows):
        if ended(state.windows[cell].origin, owner_of(cell)[0].partition("/")[0]):
            detect.let_go(tx, cell)
