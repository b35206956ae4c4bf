/** What the keyboard does: opened with `?`. */
import { Modal } from "@mantine/core";

import { useMay } from "../data/me";
import { PLACES } from "./navigation";

const EVERYWHERE: readonly (readonly [string, string])[] = [
  ["Ctrl K", "Search, or run a command"],
  ["/", "Go to the page’s search"],
  ["?", "Show this help"],
  ["Esc", "Close the panel or dialog"],
];
const LISTS: readonly (readonly [string, string])[] = [
  ["j", "Next row, also arrow down"],
  ["k", "Row before, also arrow up"],
  ["Enter", "Open the row"],
];
const WRITING: readonly (readonly [string, string])[] = [["Ctrl Enter", "Send the comment"]];

export function Shortcuts({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  const may = useMay();
  const places = PLACES.filter((place) => place.permission === undefined || may(place.permission));
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts" size={640}>
      <div className="halves shortcuts">
        <div>
          <Group title="Everywhere" keys={EVERYWHERE} />
          <Group title="In lists" keys={LISTS} />
          <Group title="In comments" keys={WRITING} />
        </div>
        <Group title="Go to" keys={places.map((place) => [`g ${place.key}`, place.label] as const)} />
      </div>
    </Modal>
  );
}

function Group({ title, keys }: { title: string; keys: readonly (readonly [string, string])[] }) {
  return (
    <section>
      <h3 className="eyebrow">{title}</h3>
      <dl>
        {keys.map(([key, does]) => (
          <div key={key} className="row">
            <dt>{key.split(" ").map((part) => <kbd key={part}>{part}</kbd>)}</dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
