import { describe, expect, it } from "vitest";

import { Problem } from "./http";
import type { Why } from "./types";
import { together } from "./whys";

const why = (run: string): Why => ({ run, state: "running", moving: false, waits: [], room: null });

describe("runs that are asked about at the same time", () => {
  it("are asked about together, each once", async () => {
    const asked: string[][] = [];
    const of = together((ids) => {
      asked.push([...ids]);
      return Promise.resolve(ids.map(why));
    }, 0);
    const found = await Promise.all([of("a"), of("b"), of("a")]);
    expect(found.map((one) => one.run)).toEqual(["a", "b", "a"]);
    await of("c");
    expect(asked).toEqual([["a", "b"], ["c"]]);
  });
  it("are as many as the server takes", async () => {
    const sizes: number[] = [];
    const of = together((ids) => {
      sizes.push(ids.length);
      return Promise.resolve(ids.map(why));
    }, 0);
    await Promise.all(Array.from({ length: 250 }, (_, index) => of(String(index))));
    expect(sizes).toEqual([100, 100, 50]);
  });
  it("fail each by itself: one that is gone takes no other with it", async () => {
    const of = together((ids) => Promise.resolve(ids.filter((id) => id !== "gone").map(why)), 0);
    const [here, gone] = await Promise.allSettled([of("here"), of("gone")]);
    expect(here.status).toBe("fulfilled");
    expect(gone.status === "rejected" && (gone.reason as Problem).code).toBe("run.not_found");
    const refused = together(() => Promise.reject(new Problem("engine.unavailable", "", 503, "", "")), 0);
    await expect(refused("here")).rejects.toThrow(Problem);
  });
});
