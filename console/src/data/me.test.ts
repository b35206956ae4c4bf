import { describe, expect, it } from "vitest";

import { holds, nameOf, withNames } from "./me";
import type { Me } from "./types";

const me = { permissions: { "alert:read": ["*"], "alert:acknowledge": ["team-a"] } } as unknown as Me;

describe("holds", () => {
  it("grants every namespace with a star, and only the named ones otherwise", () => {
    expect(holds(me, "alert:read", "anywhere")).toBe(true);
    expect(holds(me, "alert:acknowledge", "team-a")).toBe(true);
    expect(holds(me, "alert:acknowledge", "team-b")).toBe(false);
  });
  it("grants without a namespace what is held anywhere", () => {
    expect(holds(me, "alert:acknowledge")).toBe(true);
  });
  it("denies what is not granted, and everything to nobody", () => {
    expect(holds(me, "user:write")).toBe(false);
    expect(holds(null, "alert:read")).toBe(false);
  });
});

describe("nameOf", () => {
  it("shows people by name, and of teams and tokens that they are", () => {
    expect(nameOf("user:basis-1")).toBe("basis-1");
    expect(nameOf("team:storage")).toBe("team storage");
    expect(nameOf("token:ci")).toBe("token ci");
    expect(nameOf("system")).toBe("system");
    expect(nameOf(null)).toBe("");
  });
  it("is what texts of the server say, too", () => {
    expect(withNames("token:ci paused it: asked by user:basis-1.")).toBe("token ci paused it: asked by basis-1.");
    expect(withNames("http://user:secret@host and https://token:x are left")).toBe("http://user:secret@host and https://token:x are left");
  });
});
