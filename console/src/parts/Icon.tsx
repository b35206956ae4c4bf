/** The console's line icons: 16 units square, drawn with the text's colour. Each stands beside a word or has a label. */
const PATHS = {
  now: <path d="M1.8 8.5h2.7l2-5.4 3 9.8 2-4.4h2.7" />,
  incident: <path d="M8 2 14.4 13.4H1.6zM8 6.4v3.2M8 11.6v.1" />,
  alert: <path d="M4 11V7a4 4 0 1 1 8 0v4l1.1 1.6H2.9zM6.4 14.4h3.2" />,
  event: <path d="M2.4 4h11.2M2.4 8h7.4M2.4 12h9.4" />,
  service: <><rect x="5.4" y="1.8" width="5.2" height="4" rx="1" /><rect x="1.4" y="10.2" width="5.2" height="4" rx="1" /><rect x="9.4" y="10.2" width="5.2" height="4" rx="1" /><path d="M8 5.8V8M4 10.2V8h8v2.2" /></>,
  database: <><ellipse cx="8" cy="4" rx="5" ry="2" /><path d="M3 4v8c0 1.1 2.2 2 5 2s5-.9 5-2V4M3 8c0 1.1 2.2 2 5 2s5-.9 5-2" /></>,
  box: <><rect x="2" y="3" width="12" height="10" rx="1.2" /><path d="M4.5 10.5h3" /></>,
  many: <><rect x="4.6" y="2" width="9.4" height="7.4" rx="1" /><path d="M2 5.2v7a1 1 0 0 0 1 1h8.4" /></>,
  run: <><rect x="1.6" y="2.1" width="5" height="4.4" rx="1" /><rect x="9.4" y="9.5" width="5" height="4.4" rx="1" /><path d="M4.1 6.5v3.1a2 2 0 0 0 2 2h3.3" /></>,
  policy: <><path d="M8 1.6v3.8M8 5.4 3.2 9.5M8 5.4l4.8 4.1" /><circle cx="3" cy="11.5" r="2" /><circle cx="13" cy="11.5" r="2" /></>,
  ticket: <path d="M1.6 5a1 1 0 0 1 1-1h10.8a1 1 0 0 1 1 1v1.5a1.5 1.5 0 0 0 0 3V11a1 1 0 0 1-1 1H2.6a1 1 0 0 1-1-1V9.5a1.5 1.5 0 0 0 0-3zM9.5 4.6v6.8" />,
  change: <><circle cx="8" cy="8" r="2.6" /><path d="M1.6 8h3.8M10.6 8h3.8" /></>,
  plug: <path d="M5.6 2v3.4M10.4 2v3.4M3.5 5.4h9V8a4.5 4.5 0 0 1-9 0zM8 12.5V15" />,
  admin: <><circle cx="8" cy="8" r="2.2" /><path d="M8 1.9v1.9M8 12.2v1.9M14.1 8h-1.9M3.8 8H1.9M12.3 3.7 11 5M5 11l-1.3 1.3M12.3 12.3 11 11M5 5 3.7 3.7" /></>,
  search: <><circle cx="7" cy="7" r="4.4" /><path d="m10.4 10.4 3.5 3.5" /></>,
  theme: <><circle cx="8" cy="8" r="5.5" /><path fill="currentColor" stroke="none" d="M8 2.5a5.5 5.5 0 0 1 0 11z" /></>,
  filter: <path d="M2 4h12M4.5 8h7M6.5 12h3" />,
  menu: <path d="M2.5 4.5h11M2.5 8h11M2.5 11.5h11" />,
  down: <path d="M4.5 6.4 8 9.9l3.5-3.5" />,
  up: <path d="M4.5 9.6 8 6.1l3.5 3.5" />,
  right: <path d="M6.4 4.5 9.9 8l-3.5 3.5" />,
  close: <path d="m4 4 8 8M12 4l-8 8" />,
  expand: <path d="M9.5 2.5h4v4M13.5 2.5 9 7M6.5 13.5h-4v-4M2.5 13.5 7 9" />,
  open: <circle fill="currentColor" stroke="none" cx="8" cy="8" r="5.5" />,
  acknowledged: <><circle cx="8" cy="8" r="5.5" /><path fill="currentColor" stroke="none" d="M8 2.5a5.5 5.5 0 0 1 0 11z" /></>,
  quiet: <circle cx="8" cy="8" r="5.5" strokeDasharray="2.2 2.1" />,
  resolved: <circle cx="8" cy="8" r="5.5" />,
  check: <path d="m3 8.5 3.2 3.2L13 4.8" strokeWidth="2" />,
  failed: <path d="m4 4 8 8M12 4l-8 8" strokeWidth="2" />,
  waiting: <path d="M4.5 2h7M4.5 14h7M5.5 2v2.5L8 8l2.5-3.5V2M5.5 14v-2.5L8 8l2.5 3.5V14" />,
  running: <><circle cx="8" cy="8" r="5.5" opacity=".3" /><path d="M8 2.5A5.5 5.5 0 0 1 13.5 8" strokeWidth="2" /></>,
  skipped: <path d="m3 4 4 4-4 4M9 4l4 4-4 4" />,
  unknown: <path d="M5.5 6a2.5 2.5 0 1 1 3.6 2.2c-.8.4-1.1.8-1.1 1.6M8 12.3v.1" />,
  comment: <path d="M2 3.5h12v8H7.2l-3 2.5v-2.5H2z" />,
  user: <><circle cx="8" cy="5.5" r="2.8" /><path d="M3 13.6a5 5 0 0 1 10 0" /></>,
  mail: <><rect x="2" y="3.5" width="12" height="9" rx="1.2" /><path d="m2.5 4.5 5.5 4 5.5-4" /></>,
  clock: <><circle cx="8" cy="8" r="5.8" /><path d="M8 4.7V8l2.3 1.5" /></>,
  lock: <><rect x="3.5" y="7" width="9" height="6.5" rx="1.5" /><path d="M5.5 7V5a2.5 2.5 0 0 1 5 0v2" /></>,
  problem: <><circle cx="8" cy="8" r="5.8" /><path d="M8 4.8v3.8M8 11v.1" /></>,
  link: <path d="m6.5 9.5 3-3M7 4.5 8.5 3A3 3 0 0 1 13 7.5L11.5 9M9 11.5 7.5 13A3 3 0 0 1 3 8.5L4.5 7" />,
  form: <><rect x="2.5" y="2" width="11" height="12" rx="1.4" /><path d="M5 5.4h6M5 8h6M5 10.6h3.4" /></>,
  effect: <path d="M8.8 1.8 3.5 9h4l-.8 5.2L12.5 7h-4z" />,
  chart: <path d="M2 13.5h12M3.5 11l3-4 2.5 2.5 4-5.5" />,
  plus: <path d="M8 3v10M3 8h10" />,
  copy: <><rect x="5.5" y="5.5" width="8" height="8" rx="1.2" /><path d="M10.5 5.5v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2" /></>,
  download: <path d="M8 2.5v7.4M4.8 6.9 8 10.1l3.2-3.2M3 13.2h10" />,
  heart: <path d="M8 13.5 2.8 8.2a3.2 3.2 0 0 1 4.5-4.5l.7.7.7-.7a3.2 3.2 0 0 1 4.5 4.5z" />,
  call: <path d="M3.2 2.2h2.6l1.2 3-1.6 1.3a8 8 0 0 0 4.1 4.1l1.3-1.6 3 1.2v2.6a1 1 0 0 1-1.1 1A11.6 11.6 0 0 1 2.2 3.3a1 1 0 0 1 1-1.1z" />,
  pause: <path d="M5.5 3.5v9M10.5 3.5v9" strokeWidth="2" />,
  undo: <path d="M5.5 3 2.5 6l3 3M2.5 6h6.8a4 4 0 0 1 0 8H6" />,
  back: <path d="M9.5 3.5 5 8l4.5 4.5" />,
} as const;

export type IconName = keyof typeof PATHS;

/** Without a `label` the icon is decoration, and hidden from assistive technology. */
export function Icon({ name, size, label }: { name: IconName; size?: "s" | "m"; label?: string }) {
  const aria = label === undefined ? { "aria-hidden": true } : { role: "img", "aria-label": label };
  return (
    <svg className={size ? `icon ${size}` : "icon"} viewBox="0 0 16 16" {...aria}>
      {PATHS[name]}
    </svg>
  );
}

export function Brand() {
  return (
    <svg viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="2.2" strokeLinecap="round" aria-hidden="true">
      <path d="M16.5 6.2A7.6 7.6 0 1 0 17.6 10" />
      <circle cx="10" cy="10" r="2.4" fill="var(--accent)" stroke="none" />
    </svg>
  );
}
