import { ChangeSet, Text } from "@codemirror/state";
import { describe, expect, it } from "vitest";

import { found, type FlowStep } from "../../parts/flow";
import { broken, CannotEdit, Manuscript } from "../../parts/manuscript";
import { add, addFirst, addLane, all, beside, idsOf, move, nudge, put, remove, rename, standing, stepsIn, type Edit } from "./step-edit";

const TEXT = `# What is done when a disk is full.
apiVersion: oncue/v1
kind: Workflow
metadata: {name: free-disk-space, owner: "team:platform"}
spec:
  description: Cleans up   # and no more

  steps:
    # First of all: how full is it?
    - id: usage
      uses: ssh.command
      with:
        host: "\${inputs.host}"   # the one that was asked for
        argv: [df, --output=pcent]
      outputs: {percent: "int(regex_extract(result.stdout, '([0-9]+)%'))"}
      timeout: 30s  # enough
      # more would wait for hanging mounts

    # Old logs go first.
    - id: clean
      if: "steps.usage.outputs.percent > 80"
      title: 'Clean up'
      uses: ssh.command
      with: {host: "\${inputs.host}", argv: [journalctl, --vacuum-size=500M]}  # as root
      validate: {repeat: usage, that: "outputs.percent < 80"}
    - {id: note, uses: incident.comment, with: {text: "It was \${steps.usage.outputs.percent} % full"}}
    - id: both
      parallel:
        - id: left
          set: {a: 1}
        # the right one
        - id: right
          steps:
            - id: inner
              wait: {for: 5m}
            - id: last_in
              set:
                b: |
                  # no comment
                  steps.usage is not an expression here
    - id: which
      switch:
        - when: steps['usage'].outputs.percent > 90   # nearly full
          steps: [{id: loud, emit: {type: org.example.loud}}, {id: louder, set: {x: "steps.usage"}}]
        - steps:
            - {id: calm, set: {y: 1}}
  # The end.
  on_failure: {pause: true}
`;

const step = (id: string, text = TEXT): FlowStep => {
  const it = found(stepsIn(text), id);
  if (it === null) throw new Error(`no step ${id}`);
  return it;
};
/** What went and what came, line by line. */
function difference(edit: Edit): string[] {
  const before = edit.before.split("\n");
  const after = edit.text.split("\n");
  let same = 0;
  while (before[same] === after[same] && same < before.length) same += 1;
  let end = 0;
  while (before.at(-1 - end) === after.at(-1 - end) && end < before.length - same && end < after.length - same) end += 1;
  return [...before.slice(same, before.length - end).map((line) => `-${line}`), ...after.slice(same, after.length - end).map((line) => `+${line}`)];
}
const NEW = { id: "more", uses: "http.request", with: { method: "GET", url: "https://${inputs.host}/" } };

describe("a change on the graph is a small change of the text", () => {
  it.each<[string, () => Edit, string[]]>([
    ["a step after one with remarks below it", () => add(TEXT, step("usage"), "after", NEW), [
      "+    - id: more", "+      uses: http.request", "+      with: {method: GET, url: \"https://${inputs.host}/\"}",
    ]],
    ["a step before one with a remark above it", () => add(TEXT, step("clean"), "before", { id: "more", wait: { for: "5m" } }), [
      "+    - id: more", "+      wait: {for: 5m}",
    ]],
    ["a step before the first one", () => add(TEXT, step("usage"), "before", { id: "more", wait: { for: "5m" } }), ["+    - id: more", "+      wait: {for: 5m}"]],
    ["a step after the last one in another one", () => add(TEXT, step("last_in"), "after", { id: "more", set: { a: 1 } }), ["+            - id: more", "+              set: {a: 1}"]],
    ["steps within steps are written in lines", () => add(TEXT, step("which"), "after", { id: "more", try: [{ id: "a", set: { a: 1 } }] }), [
      "+    - id: more", "+      try:", "+        - id: a", "+          set: {a: 1}",
    ]],
    ["a step on a line with others", () => add(TEXT, step("loud"), "after", { id: "more", set: { a: "x, y" } }), [
      "-          steps: [{id: loud, emit: {type: org.example.loud}}, {id: louder, set: {x: \"steps.usage\"}}]",
      "+          steps: [{id: loud, emit: {type: org.example.loud}}, {id: more, set: {a: \"x, y\"}}, {id: louder, set: {x: \"steps.usage\"}}]",
    ]],
    ["one goes; the remark above stays", () => remove(TEXT, step("right"), null), [
      "-        - id: right", "-          steps:", "-            - id: inner", "-              wait: {for: 5m}", "-            - id: last_in", "-              set:", "-                b: |",
      "-                  # no comment", "-                  steps.usage is not an expression here",
    ]],
    ["the first on a line goes", () => remove(TEXT, step("loud"), null), [
      "-          steps: [{id: loud, emit: {type: org.example.loud}}, {id: louder, set: {x: \"steps.usage\"}}]", "+          steps: [{id: louder, set: {x: \"steps.usage\"}}]",
    ]],
    ["the last on a line goes", () => remove(TEXT, step("louder"), null), [
      "-          steps: [{id: loud, emit: {type: org.example.loud}}, {id: louder, set: {x: \"steps.usage\"}}]", "+          steps: [{id: loud, emit: {type: org.example.loud}}]",
    ]],
    ["one moves down with the remark above it", () => nudge(TEXT, step("left"), 1), [
      "-        - id: left", "-          set: {a: 1}", "-        # the right one", "-        - id: right", "-          steps:", "-            - id: inner", "-              wait: {for: 5m}",
      "-            - id: last_in", "-              set:", "-                b: |", "-                  # no comment", "-                  steps.usage is not an expression here",
      "+        # the right one", "+        - id: right", "+          steps:", "+            - id: inner", "+              wait: {for: 5m}", "+            - id: last_in", "+              set:", "+                b: |",
      "+                  # no comment", "+                  steps.usage is not an expression here", "+        - id: left", "+          set: {a: 1}",
    ]],
    ["one moves up on its line", () => nudge(TEXT, step("louder"), -1), [
      "-          steps: [{id: loud, emit: {type: org.example.loud}}, {id: louder, set: {x: \"steps.usage\"}}]",
      "+          steps: [{id: louder, set: {x: \"steps.usage\"}}, {id: loud, emit: {type: org.example.loud}}]",
    ]],
    ["another timeout, the remark beside it stays", () => put(TEXT, step("usage"), ["timeout"], "45s"), ["-      timeout: 30s  # enough", "+      timeout: 45s  # enough"]],
    ["no timeout, the remark beside it stays", () => put(TEXT, step("usage"), ["timeout"], undefined), ["-      timeout: 30s  # enough", "+      # enough"]],
    ["a member that is new stands where people look for it", () => put(TEXT, step("usage"), ["if"], "inputs.host != ''"), ["+      if: \"inputs.host != ''\""]],
    ["a member that is new among those on a line", () => put(TEXT, step("note"), ["if"], "true"), [
      "-    - {id: note, uses: incident.comment, with: {text: \"It was ${steps.usage.outputs.percent} % full\"}}",
      "+    - {id: note, if: \"true\", uses: incident.comment, with: {text: \"It was ${steps.usage.outputs.percent} % full\"}}",
    ]],
    ["quotes stay as they are", () => put(TEXT, step("clean"), ["title"], "Make room"), ["-      title: 'Clean up'", "+      title: 'Make room'"]],
    ["an input in lines", () => put(TEXT, step("usage"), ["with", "host"], "${inputs.other}"), [
      "-        host: \"${inputs.host}\"   # the one that was asked for", "+        host: \"${inputs.other}\"   # the one that was asked for",
    ]],
    ["an input that is new", () => put(TEXT, step("usage"), ["with", "user"], "oncue"), ["+        user: oncue"]],
    ["one more of a list", () => put(TEXT, step("usage"), ["with", "argv"], ["df", "--output=pcent", "/"]), ["-        argv: [df, --output=pcent]", "+        argv: [df, --output=pcent, /]"]],
    ["inputs where there were none", () => put(TEXT, step("inner"), ["wait", "timeout"], "1h"), ["-              wait: {for: 5m}", "+              wait: {for: 5m, timeout: 1h}"]],
    ["a case before the one that takes all others", () => addLane(TEXT, step("which"), "case", { id: "more", set: { a: 1 } }), [
      "+        - when: \"true\"", "+          steps:", "+            - id: more", "+              set: {a: 1}",
    ]],
  ])("%s", (_, change, expected) => {
    const edit = change();
    expect(difference(edit)).toEqual(expected);
    // What the editor is given makes the same of its text.
    expect(edit.changes.apply(Text.of(edit.before.split("\n"))).toString()).toBe(edit.text);
  });

  it("moves a step into another list, as far in as that is", () => {
    expect(move(TEXT, step("inner"), step("note"), "before").text).toBe(
      TEXT.replace("            - id: inner\n              wait: {for: 5m}\n", "").replace("    - {id: note", "    - id: inner\n      wait: {for: 5m}\n    - {id: note"),
    );
    expect(move(TEXT, step("clean"), step("left"), "after").text).toContain("          set: {a: 1}\n        # Old logs go first.\n        - id: clean\n          if: \"steps.usage");
  });
  it("takes a step's other name to all that speak of it, and to nothing else", () => {
    const edit = rename(TEXT, step("usage"), "fill", idsOf(stepsIn(TEXT)));
    expect(edit.text).toBe(
      TEXT.replace("- id: usage", "- id: fill").replace("if: \"steps.usage.", "if: \"steps.fill.").replace("{repeat: usage,", "{repeat: fill,")
        .replace("${steps.usage.", "${steps.fill.").replace("steps['usage']", "steps['fill']"),
    );
  });
  it("begins a workflow that has no step", () => {
    for (const [text, expected] of [
      ["kind: Workflow\nspec:\n  description: x  # y\n", "kind: Workflow\nspec:\n  description: x  # y\n  steps:\n    - id: a\n      set: {b: 1}\n"],
      ["spec:\n  steps:   # soon\n", "spec:\n  steps:   # soon\n    - id: a\n      set: {b: 1}\n"],
      ["spec: {steps: []}\n", "spec: {steps: [{id: a, set: {b: 1}}]}\n"],
    ] as const) expect(new Manuscript(addFirst(text, { id: "a", set: { b: 1 } }).text).value([])).toEqual(new Manuscript(expected).value([]));
  });
});

describe("what cannot be done is refused, and changes nothing", () => {
  it.each<[string, () => unknown]>([
    ["the only step of a list", () => remove(TEXT, step("calm"), null)],
    ["an id that there is", () => rename(TEXT, step("usage"), "clean", idsOf(stepsIn(TEXT)))],
    ["an id that is none", () => rename(TEXT, step("usage"), "Not so", new Set())],
    ["a step into itself", () => move(TEXT, step("both"), step("inner"), "after")],
    ["a text that is not valid", () => stepsIn("spec: {steps: [")],
    ["a list that stands elsewhere", () => put("base: &base\n  - id: a\n    timeout: 5m\nspec:\n  steps: *base\n", { ...step("usage"), place: ["steps", 0] }, ["timeout"], "6m")],
  ])("%s", (_, change) => {
    expect(change).toThrow(CannotEdit);
  });
  it("says where a text is not valid", () => {
    expect(broken(TEXT)).toBeNull();
    expect(broken("a: 1\nb: [\nc: 2\n")?.line).toBeGreaterThan(1);
    expect(broken("a: 1\n---\nb: 2\n")?.says).toBe("The text holds more than one document");
  });
});

/** A generator with a seed, so that a failure comes again. */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
const comments = (text: string): string[] => [...text.matchAll(/(?:^|\s)(#.*)$/gm)].map((match) => match[1] ?? "").sort();

/** How many lines are not there any more, wherever they stand. */
function lost(before: string, after: string): number {
  const left = after.split("\n").map((line) => line.trim());
  return before.split("\n").map((line) => line.trim()).filter((line) => {
    const index = left.indexOf(line);
    if (index >= 0) left.splice(index, 1);
    return index < 0;
  }).length;
}

describe("any sequence of changes", () => {
  const SEEDS = 16;
  it("keeps every comment, and what was not touched byte for byte", { timeout: 60_000 }, () => {
    const done = new Map<string, number>();
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const next = chance(seed);
      const ours = new Set<string>();
      let text = TEXT;
      let set = ChangeSet.empty(TEXT.length);
      for (let round = 0; round < 15; round += 1) {
        const steps = all(stepsIn(text));
        const one = steps[next(steps.length)] as FlowStep;
        const other = steps[next(steps.length)] as FlowStep;
        const side = next(2) === 0 ? "before" : "after";
        const own = steps.find((each) => ours.has(each.id));
        const id = `n${String(seed)}_${String(round)}`;
        // What is done, and how many lines may read otherwise afterwards, wherever they stand.
        const acts: readonly (readonly [string, () => Edit, number])[] = [
          ["add", () => add(text, one, side, { id, uses: "a.b", with: { c: "d: e, f", g: [1, "two"] } }), 1],
          ["nudge", () => nudge(text, one, 1), 1],
          ["move", () => move(text, one, other, side), 0],
          ["timeout", () => put(text, one, ["timeout"], next(3) === 0 ? undefined : `${String(next(50) + 1)}s`), 1],
          ["title", () => put(text, one, ["title"], ["Plain", "With: colon", "It's \"so\"", "two\nlines"][next(4)]), 3],
          ["input", () => put(text, one, ["with", "x"], [[1, 2], { y: "z" }, "${a}", undefined][next(4)]), 1],
          ["rename", () => rename(text, one, id, idsOf(stepsIn(text))), text.split("\n").filter((line) => line.includes(one.id)).length],
          ["remove", () => remove(text, own ?? one, null), 8],
        ];
        const [name, act, most] = acts[next(acts.length)] as (typeof acts)[number];
        // What was written by others takes its remarks along: here only what came goes again.
        if (name === "remove" && own === undefined) continue;
        try {
          const edit = act();
          expect(comments(edit.text), `${name} of ${one.id}, seed ${String(seed)}`).toEqual(comments(text));
          expect(lost(text, edit.text), `${name} of ${one.id}, seed ${String(seed)}`).toBeLessThanOrEqual(most);
          expect(broken(edit.text)).toBeNull();
          if (name === "add") ours.add(id);
          if (name === "rename" && ours.delete(one.id)) ours.add(id);
          set = set.compose(edit.changes);
          text = edit.text;
          done.set(name, (done.get(name) ?? 0) + 1);
        } catch (failure) {
          if (!(failure instanceof CannotEdit)) throw failure;
        }
      }
      const before = Text.of(TEXT.split("\n"));
      expect(set.apply(before).toString()).toBe(text);
      expect(set.invert(before).apply(Text.of(text.split("\n"))).toString()).toBe(TEXT);
    }
    // Each kind was done, and not merely refused.
    expect([...done].filter(([, times]) => times >= 4).map(([name]) => name).sort()).toEqual(["add", "input", "move", "nudge", "remove", "rename", "timeout", "title"]);
  });
});

it("knows the list that a step stands in", () => {
  expect(standing(step("louder"))).toEqual({ list: ["steps", 4, "switch", 0, "steps"], index: 1 });
  expect([beside(stepsIn(TEXT), step("louder")), beside(stepsIn(TEXT), step("calm")), beside(stepsIn(TEXT), step("left"))]).toEqual([2, 1, 2]);
});
