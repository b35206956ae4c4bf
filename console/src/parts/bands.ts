/**
 * Places for many nodes: a band for each layer, what nothing needs at the top, as many to a row as there is room for. A
 * drawing with a line for each of a thousand links says nothing; in bands one finds a node, and its lines are drawn when
 * it is chosen.
 */
import type { Arrow, Laid } from "./layout";

export interface Band {
  /** Steps below what nothing needs; -1 for what is singled out. */
  depth: number;
  y: number;
  count: number;
}

export interface Banded extends Laid {
  bands: Band[];
}

/** How far below the top each stands: 0 for what nothing needs; what is only in circles counts as the top. */
export function depths(ids: readonly string[], arrows: readonly Arrow[]): Map<string, number> {
  const below = new Map<string, string[]>();
  const needed = new Set<string>();
  const known = new Set(ids);
  for (const { from, to } of arrows) {
    if (!known.has(from) || !known.has(to) || from === to) continue;
    below.set(from, [...(below.get(from) ?? []), to]);
    needed.add(to);
  }
  const depth = new Map<string, number>();
  const descend = (first: readonly string[]): void => {
    let front = first;
    while (front.length > 0) {
      const following: string[] = [];
      for (const id of front) {
        for (const other of below.get(id) ?? []) {
          if (depth.has(other)) continue;
          depth.set(other, (depth.get(id) ?? 0) + 1);
          following.push(other);
        }
      }
      front = following;
    }
  };
  const tops = ids.filter((id) => !needed.has(id));
  for (const id of tops) depth.set(id, 0);
  descend(tops);
  for (const id of ids) {
    if (depth.has(id)) continue;
    depth.set(id, 0);
    descend([id]);
  }
  return depth;
}

export interface Tile {
  width: number;
  height: number;
  gap: number;
  head: number;
}

/** In each band the nodes keep the order in which they are given; those in `first` have a band of their own above all. */
export function bands(ids: readonly string[], arrows: readonly Arrow[], box: Tile & { room: number }, first: ReadonlySet<string> = new Set()): Banded {
  const depth = depths(ids, arrows);
  for (const id of first) if (depth.has(id)) depth.set(id, -1);
  const columns = Math.max(1, Math.floor((box.room + box.gap) / (box.width + box.gap)));
  const places = new Map<string, { x: number; y: number }>();
  const found: Band[] = [];
  let y = 0;
  const deepest = Math.max(0, ...depth.values());
  for (let level = -1; level <= deepest; level += 1) {
    const here = ids.filter((id) => depth.get(id) === level);
    if (here.length === 0) continue;
    found.push({ depth: level, y, count: here.length });
    y += box.head;
    here.forEach((id, index) => places.set(id, { x: (index % columns) * (box.width + box.gap), y: y + Math.floor(index / columns) * (box.height + box.gap) }));
    y += Math.ceil(here.length / columns) * (box.height + box.gap) + box.gap * 2;
  }
  return { places, width: Math.min(columns, Math.max(1, ids.length)) * (box.width + box.gap) - box.gap, height: Math.max(0, y - box.gap * 3), bands: found };
}

/** As large as it can be read, and as it fits: in the width always, in the height if it can. */
export function bandsIn(ids: readonly string[], arrows: readonly Arrow[], tile: Tile, room: { width: number; height: number }, first: ReadonlySet<string>, zooms: readonly number[]): { laid: Banded; zoom: number } {
  let found = { laid: bands(ids, arrows, { ...tile, room: room.width }, first), zoom: 1 };
  for (const zoom of zooms) {
    if (found.laid.height * found.zoom <= room.height) break;
    found = { laid: bands(ids, arrows, { ...tile, room: room.width / zoom }, first), zoom };
  }
  return found;
}
