/**
 * A YAML text that is changed in places: each change touches the lines that it is about, and leaves the rest, with its
 * comments, blank lines and quotes, byte for byte. After each one the text is read again and must say what was meant, else
 * nothing is changed at all (`CannotEdit`): whatever is written in a way that is not foreseen here stays as it is.
 */
import { ChangeSet, type ChangeSpec } from "@codemirror/state";
import { Document, isCollection, isMap, isNode, isPair, isScalar, isSeq, LineCounter, parseDocument, Scalar, visit, type Node, type Pair, type ParsedNode, type YAMLMap, type YAMLSeq } from "yaml";

/** Keys and numbers of items, from the document's root. */
export type Place = readonly (string | number)[];
type Data = Record<string, unknown>;

export class CannotEdit extends Error {
  override name = "CannotEdit";
}

/** Why a text cannot be changed in places. */
export interface Broken {
  line: number;
  says: string;
}

interface Span {
  from: number;
  to: number;
}

/** Up to this many characters a list or mapping stays on one line. */
const SHORT = 72;

export function broken(text: string): Broken | null {
  const lines = new LineCounter();
  const [error] = parseDocument(text, { lineCounter: lines, prettyErrors: false }).errors;
  if (error === undefined) return null;
  return { line: lines.linePos(error.pos[0]).line, says: error.code === "MULTIPLE_DOCS" ? "The text holds more than one document" : error.message };
}

export class Manuscript {
  readonly before: string;
  text: string;
  /** All that was changed, as the editor takes it. */
  changes: ChangeSet;
  private document: Document.Parsed;

  constructor(text: string) {
    this.before = text;
    this.text = text;
    this.changes = ChangeSet.empty(text.length);
    this.document = parsed(text);
  }

  /** What stands at a place; undefined where nothing does. */
  value(place: Place): unknown {
    const node = this.document.getIn(place, true);
    return isNode(node) ? (node.toJS(this.document) as unknown) : node;
  }

  /** A value comes into a list, before the one that is at `index` now. */
  insert(list: Place, index: number, value: unknown): void {
    const seq = this.listAt(list);
    const expected = (items: unknown[]): void => void items.splice(index, 0, value);
    const before = seq.items[index - 1];
    const after = seq.items[index];
    if (seq.flow || seq.items.length === 0) {
      const text = onOneLine(value);
      if (before !== undefined) this.apply(at(endOf(before), `, ${text}`), list, expected);
      else if (after !== undefined) this.apply(at(rangeOf(after).from, `${text}, `), list, expected);
      else this.apply(at(rangeOf(seq).from + 1, text), list, expected);
      return;
    }
    const column = this.columnOf(rangeOf(seq).from);
    const lines = indented(inBlock([value]), column);
    if (before !== undefined) this.apply(at(this.itemSpan(seq, index - 1).to, `\n${lines}`), list, expected);
    else this.apply(at(this.itemSpan(seq, 0).from, `${lines}\n`), list, expected);
  }

  /** An item goes; comments above it stay, those in it go with it. */
  remove(list: Place, index: number): void {
    const seq = this.listAt(list);
    const expected = (items: unknown[]): void => void items.splice(index, 1);
    if (seq.flow) return this.apply(this.outOfFlow(seq.items.map((item) => rangeOf(item)), index), list, expected);
    if (seq.items.length === 1) throw new CannotEdit("it is the only one there");
    this.apply([{ ...this.wholeLines(this.lineStart(this.dashOf(seq, index)), this.itemSpan(seq, index).to), insert: "" }], list, expected);
  }

  /** An item changes places with the one after it; a comment right above it goes along. */
  swap(list: Place, index: number): void {
    const seq = this.listAt(list);
    const [one, other] = seq.flow ? [rangeOf(seq.items[index]), rangeOf(seq.items[index + 1])] : [this.itemSpan(seq, index), this.itemSpan(seq, index + 1)];
    this.apply(
      [{ ...one, insert: this.slice(other) }, { ...other, insert: this.slice(one) }], list,
      (items: unknown[]) => void items.splice(index, 2, items[index + 1], items[index]),
    );
  }

  /** An item goes to where another list, or another place in its own, has `index` now. */
  move(list: Place, index: number, to: Place, at_: number): void {
    if (String(list) === String(to)) {
      for (let now = index; now < at_ - 1; now += 1) this.swap(list, now);
      for (let now = index; now > at_; now -= 1) this.swap(list, now - 1);
      return;
    }
    const source = this.listAt(list);
    const target = this.listAt(to);
    if (source.flow || target.flow || target.items.length === 0) throw new CannotEdit("a list on one line takes nothing from others, and gives nothing");
    if (source.items.length === 1) throw new CannotEdit("it is the only one there");
    const span = this.itemSpan(source, index);
    const by = this.columnOf(rangeOf(target).from) - this.columnOf(rangeOf(source).from);
    const lines = shifted(this.slice(span), by);
    const place = at_ > 0 ? { from: this.itemSpan(target, at_ - 1).to, insert: `\n${lines}` } : { from: this.itemSpan(target, 0).from, insert: `${lines}\n` };
    if (place.from > span.from && place.from < span.to) throw new CannotEdit("it cannot lie in itself");
    this.apply([{ ...this.wholeLines(span.from, span.to), insert: "" }, { ...place, to: place.from }], [], (root: Data) => {
      const from = inData(root, list) as unknown[];
      const into = inData(root, to) as unknown[];
      const [item] = from.splice(index, 1);
      into.splice(at_, 0, item);
    });
  }

  /**
   * A value stands at a place afterwards; undefined takes its key out. Of a list or a mapping only what differs is changed.
   * A key that is new comes after the last one that `order` has before it.
   */
  put(place: Place, value: unknown, order: readonly string[] = []): void {
    const node = this.document.getIn(place, true);
    if (value === undefined) return node === undefined ? undefined : this.drop(place);
    if (node === undefined) return this.add(place, value, order);
    if (same(this.value(place), value)) return;
    if (isMap(node) && isData(value) && node.items.length > 0 && Object.keys(value).length > 0) {
      for (const key of Object.keys(this.value(place) as Data)) if (!(key in value)) this.drop([...place, key]);
      for (const [key, each] of Object.entries(value)) this.put([...place, key], each);
      return;
    }
    if (isSeq(node) && Array.isArray(value) && node.items.length > 0 && value.length > 0) {
      for (let index = node.items.length - 1; index >= value.length; index -= 1) this.remove(place, index);
      value.forEach((each: unknown, index) => (index < node.items.length ? this.put([...place, index], each) : this.insert(place, index, each)));
      return;
    }
    this.replace(place, node as Node, value);
  }

  /** Texts as they are written, one by one; keys and comments are not asked. null leaves one as it is. */
  rewrite(within: Place, write: (source: string, path: Place) => string | null): void {
    const changes: ChangeSpec[] = [];
    visit(this.document, {
      Scalar: (key, node, path) => {
        if (key === "key" || typeof node.value !== "string") return;
        const place = placeOf(path, node);
        if (!within.every((part, index) => place[index] === part)) return;
        const span = rangeOf(node);
        const source = this.slice(span);
        const next = write(source, place);
        if (next !== null && next !== source) changes.push({ ...span, insert: next });
      },
    });
    this.apply(changes, null, () => undefined);
  }

  private add(place: Place, value: unknown, order: readonly string[]): void {
    const within = place.slice(0, -1);
    const key = place.at(-1);
    const map = this.document.getIn(within, true);
    if (typeof key !== "string") throw new CannotEdit("a list has no such place");
    const expected = (data: unknown): void => void ((data as Data)[key] = value);
    if (map === undefined || (isScalar(map) && map.value === null)) return this.put(within, { [key]: value }, order);
    if (!isMap(map)) throw new CannotEdit(`${place.slice(-2, -1).join("")} is no mapping`);
    const pairs = map.items as Pair<ParsedNode, ParsedNode | null>[];
    const rank = order.indexOf(key);
    const earlier = rank < 0 ? pairs : pairs.filter((pair) => order.indexOf(nameOf(pair)) < rank && order.includes(nameOf(pair)));
    const before = earlier.at(-1);
    if (map.flow || pairs.length === 0) {
      const text = onOneLine({ [key]: value }).slice(1, -1);
      const first = pairs[0];
      if (before !== undefined) this.apply(at(this.pairEnd(before), `, ${text}`), within, expected);
      else if (first !== undefined) this.apply(at(rangeOf(first.key).from, `${text}, `), within, expected);
      else this.apply(at(rangeOf(map).from + 1, text), within, expected);
      return;
    }
    const anchor = before ?? pairs[0];
    if (anchor === undefined) throw new CannotEdit("a mapping without keys");
    const column = this.columnOf(rangeOf(anchor.key).from);
    const lines = indented(inBlock({ [key]: value }), column);
    if (before !== undefined) this.apply(at(this.extent(this.pairEnd(before), column), `\n${lines}`), within, expected);
    else this.apply(at(rangeOf(anchor.key).from, `${lines.trimStart()}\n${" ".repeat(column)}`), within, expected);
  }

  private drop(place: Place): void {
    const within = place.slice(0, -1);
    const key = place.at(-1);
    const map = this.document.getIn(within, true);
    if (typeof key !== "string" || !isMap(map)) throw new CannotEdit("only keys of mappings go");
    const pairs = map.items as Pair<ParsedNode, ParsedNode | null>[];
    const index = pairs.findIndex((pair) => nameOf(pair) === key);
    const pair = pairs[index];
    if (pair === undefined) return;
    const expected = (data: Data): void => void Reflect.deleteProperty(data, key);
    if (map.flow) return this.apply(this.outOfFlow(pairs.map((one) => ({ from: rangeOf(one.key).from, to: this.pairEnd(one) })), index), within, expected);
    const from = rangeOf(pair.key).from;
    const to = this.pairEnd(pair);
    if (pairs.length === 1) return this.apply([{ from, to, insert: "{}" }], within, expected);
    const rest = this.text.slice(to, this.lineEnd(to));
    const alone = this.text.slice(this.lineStart(from), from).trim() === "";
    const next = pairs[index + 1];
    // What is remarked on its line is not lost: it stays on a line of its own.
    if (rest.trim() !== "") return this.apply([{ from, to: to + rest.length - rest.trimStart().length, insert: "" }], within, expected);
    if (alone) return this.apply([{ ...this.wholeLines(this.lineStart(from), this.lineEnd(to)), insert: "" }], within, expected);
    if (next === undefined) throw new CannotEdit("it is the only one there");
    const upTo = rangeOf(next.key).from;
    this.apply([{ from, to: this.text.slice(to, upTo).includes("#") ? to : upTo, insert: "" }], within, expected);
  }

  private replace(place: Place, node: Node, value: unknown): void {
    const within = place.slice(0, -1);
    const key = place.at(-1);
    const parent = this.document.getIn(within, true);
    const expected = (data: unknown): void => void ((data as Data)[key as string] = value);
    const old = { from: rangeOf(node).from, to: endOf(node) };
    if (this.inFlow(place)) {
      const text = onOneLine(value, node);
      return this.apply([{ ...old, insert: old.from === old.to && this.text.charAt(old.from - 1) !== " " ? ` ${text}` : text }], within, expected);
    }
    if (isSeq(parent)) {
      const lines = indented(inBlock([value], node), this.columnOf(rangeOf(parent).from)).trimStart().slice(2);
      return this.apply([{ ...old, insert: lines }], within, expected);
    }
    const pair = isMap(parent) ? (parent.items as Pair<ParsedNode, ParsedNode | null>[]).find((one) => nameOf(one) === key) : undefined;
    if (pair === undefined || typeof key !== "string") throw new CannotEdit("it is not where it was");
    const column = this.columnOf(rangeOf(pair.key).from);
    const whole = indented(inBlock({ [key]: value }, node), column).trimStart();
    const text = whole.slice(whole.indexOf(":") + 1);
    const colon = this.text.indexOf(":", rangeOf(pair.key).to) + 1;
    if (old.from === old.to) return this.apply(at(text.startsWith("\n") ? this.lineEnd(colon) : colon, text), within, expected);
    const remarked = this.text.slice(colon, old.from).trim() !== "";
    this.apply([remarked ? { ...old, insert: text.trimStart() } : { from: colon, to: old.to, insert: text }], within, expected);
  }

  /** Changes the text, if it then says what is expected of the list or mapping at `place`, and all else as before. */
  private apply(changes: ChangeSpec[], place: Place | null, expected: (data: never) => void): void {
    const data = structuredClone(this.document.toJS()) as unknown;
    if (place !== null) expected(inData(data, place) as never);
    const set = ChangeSet.of(changes, this.text.length);
    const text = applied(set, this.text);
    const next = parsed(text);
    if (place !== null && !same(next.toJS(), data)) throw new CannotEdit("it is written in a way that only the text itself can change");
    this.changes = this.changes.compose(set);
    this.text = text;
    this.document = next;
  }

  private listAt(place: Place): YAMLSeq<ParsedNode> {
    const node = this.document.getIn(place, true);
    if (!isSeq(node)) throw new CannotEdit("there is no list");
    return node as YAMLSeq<ParsedNode>;
  }

  private inFlow(place: Place): boolean {
    return place.some((_, index) => {
      const node = this.document.getIn(place.slice(0, index), true);
      return isCollection(node) && node.flow === true;
    });
  }

  private slice({ from, to }: Span): string {
    return this.text.slice(from, to);
  }

  private lineStart(offset: number): number {
    return this.text.lastIndexOf("\n", offset - 1) + 1;
  }

  private lineEnd(offset: number): number {
    const end = this.text.indexOf("\n", offset);
    return end < 0 ? this.text.length : end;
  }

  private columnOf(offset: number): number {
    return offset - this.lineStart(offset);
  }

  /** The lines with one of their line ends, so that none is left empty. */
  private wholeLines(from: number, to: number): Span {
    return to < this.text.length ? { from, to: to + 1 } : { from: Math.max(0, from - 1), to };
  }

  /** Where the hyphen of an item is. */
  private dashOf(seq: YAMLSeq<ParsedNode>, index: number): number {
    const token = seq.srcToken;
    const start = token?.type === "block-seq" ? token.items[index]?.start.find((one) => one.type === "seq-item-ind") : undefined;
    if (start === undefined) throw new CannotEdit("there is no such item");
    return start.offset;
  }

  /** All of an item: comments right above it, and what is remarked below it farther in. */
  private itemSpan(seq: YAMLSeq<ParsedNode>, index: number): Span {
    const dash = this.dashOf(seq, index);
    const column = this.columnOf(dash);
    let from = this.lineStart(dash);
    while (from > 0) {
      const above = this.lineStart(from - 1);
      if (!/^ *#/.test(this.text.slice(above, from)) || this.indentOf(above) !== column) break;
      from = above;
    }
    const item = seq.items[index];
    return { from, to: this.extent(Math.max(dash + 1, endOf(item)), column) };
  }

  /** The end of the last line that belongs to what ends at `end` and began in `column`: its own, or one with a remark. */
  private extent(end: number, column: number): number {
    let last = this.lineEnd(end);
    for (let at_ = last; at_ < this.text.length;) {
      const next = this.lineEnd(at_ + 1);
      const line = this.text.slice(at_ + 1, next);
      if (/^ *#/.test(line) && this.indentOf(at_ + 1) > column) last = next;
      else if (line.trim() !== "") break;
      at_ = next;
    }
    return last;
  }

  private indentOf(start: number): number {
    return this.text.slice(start).search(/[^ ]/);
  }

  private pairEnd(pair: Pair<ParsedNode, ParsedNode | null>): number {
    const key = rangeOf(pair.key);
    const value = pair.value === null ? key.to : endOf(pair.value);
    return value > key.to ? Math.max(value, this.text.indexOf(":", key.to) + 1) : this.text.indexOf(":", key.to) + 1 || key.to;
  }

  /** One of those between braces or brackets goes, with one comma. */
  private outOfFlow(spans: readonly Span[], index: number): ChangeSpec[] {
    const own = spans[index];
    const next = spans[index + 1];
    const before = spans[index - 1];
    if (own === undefined) throw new CannotEdit("there is no such item");
    if (next === undefined && before === undefined) return [{ ...own, insert: "" }];
    const gap = next !== undefined ? { from: own.to, to: next.from } : { from: before?.to ?? 0, to: own.from };
    const between = this.slice(gap);
    const comma = /^\s*,/.exec(between)?.[0].length;
    if (comma === undefined) throw new CannotEdit("a comma is not where it is looked for");
    if (!/[#\n]/.test(between)) return [next !== undefined ? { from: own.from, to: gap.to, insert: "" } : { from: gap.from, to: own.to, insert: "" }];
    return [{ ...own, insert: "" }, { from: gap.from + comma - 1, to: gap.from + comma, insert: "" }];
  }
}

function parsed(text: string): Document.Parsed {
  const document = parseDocument(text, { keepSourceTokens: true });
  if (document.errors.length > 0) throw new CannotEdit("the text would not be valid any more");
  return document;
}

const at = (offset: number, insert: string): ChangeSpec[] => [{ from: offset, insert }];

function rangeOf(node: unknown): Span {
  const range = isNode(node) ? node.range : null;
  if (!range) throw new CannotEdit("there is no such place");
  return { from: range[0], to: range[1] };
}

/** Where the last character of a node's content is; comments and line ends after it are not. */
function endOf(node: unknown): number {
  if (isCollection(node) && !node.flow) {
    const last: unknown = node.items.at(-1);
    if (isPair(last)) return isNode(last.value) && rangeOf(last.value).to > rangeOf(last.key).to ? endOf(last.value) : rangeOf(last.key).to + 1;
    return endOf(last);
  }
  const { from, to } = rangeOf(node);
  const source = isScalar(node) && (node.type === Scalar.BLOCK_FOLDED || node.type === Scalar.BLOCK_LITERAL) && isNode(node) ? (node.srcToken as { source?: string } | undefined)?.source : undefined;
  if (source === undefined) return to;
  return Math.max(from + 1, to - (source.length - source.trimEnd().length));
}

const nameOf = (pair: Pair<ParsedNode, ParsedNode | null>): string => (isScalar(pair.key) ? String(pair.key.value) : "");
const isData = (value: unknown): value is Data => typeof value === "object" && value !== null && !Array.isArray(value);
const inData = (data: unknown, place: Place): unknown => place.reduce<unknown>((found, key) => (found as Data)[key], data);

function same(one: unknown, other: unknown): boolean {
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((each, index) => same(each, other[index]));
  if (!isData(one) || !isData(other)) return one === other;
  const keys = Object.keys(one);
  return keys.length === Object.keys(other).length && keys.every((key) => key in other && same(one[key], other[key]));
}

function applied(set: ChangeSet, text: string): string {
  let out = "";
  let read = 0;
  set.iterChanges((from, to, _from, _to, inserted) => {
    out += text.slice(read, from) + inserted.toString();
    read = to;
  });
  return out + text.slice(read);
}

const indented = (lines: string, column: number): string => lines.split("\n").map((line) => (line === "" ? line : " ".repeat(column) + line)).join("\n");

function shifted(lines: string, by: number): string {
  if (by >= 0) return indented(lines, by);
  return lines.split("\n").map((line) => line.slice(Math.min(-by, line.length - line.trimStart().length))).join("\n");
}

/** The keys and numbers on the way to a scalar. */
function placeOf(path: readonly unknown[], node: unknown): Place {
  const out: (string | number)[] = [];
  const all = [...path, node];
  all.forEach((each, index) => {
    if (isPair(each)) out.push(String(isScalar(each.key) ? each.key.value : ""));
    else if (isSeq(each)) out.push(each.items.indexOf(all[index + 1]));
  });
  return out;
}

/** Whether people write such a text in quotes: it holds an expression, or is one. */
const isQuoted = (text: string): boolean => /\$\{|[<>=!&|'(]/.test(text) && !/["\\\n]/.test(text);

/** A node with the quotes that people would use, or those that stood there. */
function written(value: unknown, old?: Node): Document {
  const document = new Document(value);
  visit(document, {
    Scalar: (key, node) => {
      if (key !== "key" && typeof node.value === "string" && isQuoted(node.value)) node.type = Scalar.QUOTE_DOUBLE;
    },
    Collection: (_, node) => {
      if (node !== document.contents && !holdsSteps(node) && flowing(node).length <= SHORT) node.flow = true;
    },
  });
  const only = isMap(document.contents) ? document.contents.items[0]?.value : isSeq(document.contents) ? document.contents.items[0] : null;
  if (isScalar(old) && isScalar(only) && typeof only.value === "string" && old.type?.startsWith("QUOTE") && !only.value.includes("\n")) only.type = old.type;
  return document;
}

/** A step, or a list of such, is written in lines: one wants to see it, and to remark on it. */
function holdsSteps(node: YAMLMap | YAMLSeq): boolean {
  const items: readonly unknown[] = node.items;
  return isMap(node) ? node.has("id") || items.some((pair) => isPair(pair) && isCollection(pair.value) && holdsSteps(pair.value)) : items.some((item) => isCollection(item) && holdsSteps(item));
}

const AS_WRITTEN = { lineWidth: 0, indentSeq: true, flowCollectionPadding: false } as const;
const inBlock = (value: unknown, old?: Node): string => written(value, old).toString(AS_WRITTEN).trimEnd();

function flowing(node: YAMLMap | YAMLSeq): string {
  return onOneLine(node.toJSON());
}

/** A value between the braces or brackets of others. */
function onOneLine(value: unknown, old?: Node): string {
  const document = new Document([value]);
  visit(document, {
    Scalar: (key, node) => {
      if (key !== "key" && typeof node.value === "string") node.type = node.value.includes("\n") || isQuoted(node.value) ? Scalar.QUOTE_DOUBLE : node.type;
    },
    Collection: (_, node) => {
      node.flow = true;
    },
  });
  const only = isSeq(document.contents) ? document.contents.items[0] : null;
  if (isScalar(old) && isScalar(only) && typeof only.value === "string" && old.type?.startsWith("QUOTE")) only.type = old.type;
  return document.toString(AS_WRITTEN).trim().slice(1, -1);
}

