/** The calendar of changes: weeks ahead with windows, freezes and what is planned; on a phone a list of days. */
import { useMediaQuery } from "@mantine/hooks";
import { Link } from "@tanstack/react-router";

import { useChangeCalendar } from "../../data/changes";
import type { ChangeCalendar, ChangeSlot, PlannedChange } from "../../data/types";
import { PHONE } from "../../parts/DataTable";
import { dayName, exact, moment, plural } from "../../parts/format";
import { Icon } from "../../parts/Icon";
import { StateMark } from "../../parts/marks";
import { EmptyState, Loaded } from "../../parts/states";
import { useNow } from "../../parts/time";
import { useFilters } from "../../shell/filters";
import { Example } from "../quiet/Example";
import { dayKey, daysOf, isEmpty, isShut, later, listed, mondayOf, nextFreeze, WEEKS, type Day, type Held } from "./calendar";
import { ChangeTabs } from "./ChangeTabs";
import { standingOf } from "./view";

const MINUTE = 60_000;
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const WEEKDAY = new Intl.DateTimeFormat(undefined, { weekday: "short" });
const EXAMPLE = `apiVersion: oncue/v1
kind: ChangeCalendar
metadata: {name: nights}
spec:
  windows: [{title: Night, starts_at: "2026-11-03T22:00", duration: 6h, rrule: FREQ=DAILY, zone: Europe/Berlin}]
  freezes: [{title: Year end, starts_at: "2026-12-20T00:00", ends_at: "2027-01-03T00:00"}]`;

export default function CalendarPage() {
  const [filters, change] = useFilters();
  const now = Math.floor(useNow() / MINUTE) * MINUTE;
  const from = mondayOf(filters["from"], now);
  const until = later(from, WEEKS * 7);
  const query = useChangeCalendar(from.toISOString(), until.toISOString(), filters["namespace"]);
  const present = dayKey(mondayOf(undefined, now)) === dayKey(from);
  const turn = (weeks: number): void => change({ from: dayKey(later(from, weeks * 7)) });
  return (
    <div className="page">
      <div className="page-head"><div><h1 className="place">Changes</h1><p className="dim">When changes are made, when they may be, and when nothing is changed</p></div></div>
      <ChangeTabs current="/changes/calendar" />
      <div className="filters">
        <button type="button" className="btn" onClick={() => turn(-WEEKS)}><Icon name="back" size="m" />Earlier</button>
        <button type="button" className="btn" disabled={present} onClick={() => change({ from: undefined })}>This week</button>
        <button type="button" className="btn" onClick={() => turn(WEEKS)}>Later<Icon name="right" size="m" /></button>
        <b className="med">{SHORT_DAY.format(from)} to {SHORT_DAY.format(later(until, -1))}</b>
        {query.data && <Summary calendar={query.data} now={now} />}
      </div>
      <Loaded query={query} what="the calendar">{(calendar) => <Calendar calendar={calendar} from={from} now={now} />}</Loaded>
    </div>
  );
}

function Summary({ calendar, now }: { calendar: ChangeCalendar; now: number }) {
  const conflicts = calendar.changes.filter((change) => change.conflicts.length > 0).length;
  const freeze = nextFreeze(calendar, now);
  return (
    <>
      <span className="dim">{plural(calendar.changes.length, "change")}</span>
      {conflicts > 0 && <span className="severity minor"><Icon name="problem" size="s" />{conflicts} in conflict</span>}
      {freeze && <span className={freeze.holds ? "severity critical" : "dim"}>{freeze.holds ? `Frozen until ${moment(freeze.slot.ends_at, now)}: ${freeze.slot.title || freeze.slot.calendar}` : `frozen from ${moment(freeze.slot.starts_at, now)}`}</span>}
    </>
  );
}

function Calendar({ calendar, from, now }: { calendar: ChangeCalendar; from: Date; now: number }) {
  const phone = useMediaQuery(PHONE, window.matchMedia(PHONE).matches, { getInitialValueInEffect: false });
  const days = daysOf(calendar, from, WEEKS, now);
  const bare = calendar.changes.length + calendar.windows.length + calendar.freezes.length === 0;
  if (bare) {
    return <section className="card" aria-label="Calendar"><EmptyState title="Nothing is planned in these weeks"><p>Changes stand here once they have a time. A <span className="mono">ChangeCalendar</span> says when they may be made, and when nothing is changed:</p><Example text={EXAMPLE} /></EmptyState></section>;
  }
  return phone ? <Days days={days} freezes={calendar.freezes} /> : <Weeks days={days} freezes={calendar.freezes} />;
}

function Weeks({ days, freezes }: { days: readonly Day[]; freezes: readonly ChangeSlot[] }) {
  const weeks = Array.from({ length: WEEKS }, (_, index) => days.slice(index * 7, index * 7 + 7));
  return (
    <div className="card clip">
      <table className="calendar" aria-label="Calendar of changes">
        <thead><tr>{weeks[0]?.map((day) => <th key={day.key} scope="col">{WEEKDAY.format(day.at)}</th>)}</tr></thead>
        <tbody>
          {weeks.map((week) => (
            <tr key={week[0]?.key}>
              {week.map((day) => (
                <td key={day.key} className={[day.today ? "today" : "", day.past ? "gone-by" : "", day.freezes.length > 0 ? "frozen" : ""].filter(Boolean).join(" ")}>
                  <time dateTime={day.key} className="day-number">{day.today ? `Today, ${SHORT_DAY.format(day.at)}` : SHORT_DAY.format(day.at)}</time>
                  <Entries day={day} freezes={freezes} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Days({ days, freezes }: { days: readonly Day[]; freezes: readonly ChangeSlot[] }) {
  const shown = listed(days);
  if (shown.length === 0) return <section className="card" aria-label="Calendar"><EmptyState title="Nothing is ahead in these weeks" /></section>;
  return (
    <ol className="card clip day-list" aria-label="Calendar of changes">
      {shown.map((day) => (
        <li key={day.key} className={day.freezes.length > 0 ? "frozen" : undefined}>
          <h2 className="heading"><time dateTime={day.key}>{day.today ? "Today" : dayName(day.at.toISOString())}</time></h2>
          <Entries day={day} freezes={freezes} whole />
        </li>
      ))}
    </ol>
  );
}

/** `whole` says of a freeze from when to when it is, rather than what of it lies on the day. */
function Entries({ day, freezes, whole = false }: { day: Day; freezes: readonly ChangeSlot[]; whole?: boolean }) {
  if (isEmpty(day)) return null;
  return (
    <ul>
      {day.freezes.map((held) => <li key={`f${held.item.calendar}${held.item.starts_at}`} className="slot freeze" title={spanOf(held)}><Icon name="lock" size="s" /><span><b className="med">Frozen</b> {whole ? <Span slot={held.item} /> : held.when}<br />{held.item.title || held.item.calendar}</span></li>)}
      {day.changes.map((held) => <li key={held.item.id}><Planned held={held} /></li>)}
      {day.windows.map((held) => <li key={`w${held.item.calendar}${held.item.starts_at}`} className={isShut(held.item, freezes) ? "slot window shut" : "slot window"} title={spanOf(held)}><Icon name="clock" size="s" /><span>{held.item.title || held.item.calendar}{isShut(held.item, freezes) && ", but frozen"}<br />{held.when}</span></li>)}
    </ul>
  );
}

function Span({ slot }: { slot: ChangeSlot }) {
  const now = useNow();
  return <>{moment(slot.starts_at, now)} to {moment(slot.ends_at, now)}</>;
}

const spanOf = ({ item }: Held<ChangeSlot>): string => `${item.calendar}\n${exact(item.starts_at)}\n${exact(item.ends_at)}`;

function Planned({ held: { item, when } }: { held: Held<PlannedChange> }) {
  const clashes = item.conflicts.length > 0;
  const { mark, words } = standingOf(item);
  return (
    <Link to="/changes/$id" params={{ id: item.id }} className={clashes ? "slot planned clashes" : "slot planned"}>
      <StateMark state={mark} text={item.id} /><span className="sr">{words}</span><span className="dim3 t12">{when}</span>
      <span className="title">{item.title}</span>
      {clashes && <span className="severity minor t12"><Icon name="problem" size="s" />conflicts with {item.conflicts.join(", ")}</span>}
      {item.owner_busy.length > 0 && <span className="severity minor t12"><Icon name="user" size="s" />its owner has {item.owner_busy.join(", ")} then, too</span>}
    </Link>
  );
}
