/** The command palette: Ctrl-K, type, Enter. */
import { Modal } from "@mantine/core";
import { useEffect, useId, useMemo, useRef, useState } from "react";

import { useMay } from "../data/me";
import { Icon } from "../parts/Icon";
import { commandsFor, type Effect } from "./palette";

export function Palette({ opened, onClose, run }: { opened: boolean; onClose: () => void; run: (effect: Effect) => void }) {
  return (
    <Modal opened={opened} onClose={onClose} withCloseButton={false} size={560} padding={0} className="palette" title={<span className="sr">Commands</span>} styles={{ header: { minHeight: 0, padding: 0 } }}>
      <Content onClose={onClose} run={run} />
    </Modal>
  );
}

function Content({ onClose, run }: { onClose: () => void; run: (effect: Effect) => void }) {
  const [query, setQuery] = useState("");
  const [at, setAt] = useState(0);
  const may = useMay();
  const commands = useMemo(() => commandsFor(query, may), [query, may]);
  const list = useRef<HTMLDivElement>(null);
  const id = useId();

  useEffect(() => {
    list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
  }, [at]);

  const choose = (index: number): void => {
    const command = commands[index];
    if (command === undefined) return;
    onClose();
    run(command.effect);
  };

  return (
    <>
      <input
        className="palette-input" data-autofocus placeholder="Search, or run a command" aria-label="Search, or run a command"
        role="combobox" aria-expanded="true" aria-controls={id} aria-activedescendant={`${id}-${String(at)}`} value={query}
        onChange={(event) => {
          setQuery(event.currentTarget.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown") setAt((at + 1) % commands.length);
          else if (event.key === "ArrowUp") setAt((at - 1 + commands.length) % commands.length);
          else if (event.key === "Enter") choose(at);
          else return;
          event.preventDefault();
        }}
      />
      <div className="palette-list" role="listbox" id={id} aria-label="Commands" ref={list}>
        {commands.map((command, index) => (
          <div key={command.id} style={{ display: "contents" }} role="presentation">
            {command.group !== commands[index - 1]?.group && <div className="group" role="presentation">{command.group}</div>}
            <div role="option" id={`${id}-${String(index)}`} aria-selected={index === at} onMouseMove={() => setAt(index)} onClick={() => choose(index)}>
              <Icon name={command.icon} />
              <span className="cut">{command.label}</span>
              {command.hint !== "" && <kbd>{command.hint}</kbd>}
            </div>
          </div>
        ))}
      </div>
    </>
  );
}
