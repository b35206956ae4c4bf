import { describe, expect, it } from "vitest";

import { clean, sinceOf } from "./filters";

describe("filters in the address", () => {
  it("leaves out what is empty", () => {
    expect(clean({ q: "", state: "firing", service: undefined })).toEqual({ state: "firing" });
  });
  it("counts a range back from the minute, so that the list keeps its key", () => {
    const now = Date.parse("2026-11-20T12:00:42Z");
    expect(sinceOf("1h", now)).toBe("2026-11-20T11:00:00.000Z");
    expect(sinceOf("1h", now + 10_000)).toBe(sinceOf("1h", now));
  });
  it("takes an instant as it is and nothing else", () => {
    expect(sinceOf("2026-11-20T11:00:00Z", 0)).toBe("2026-11-20T11:00:00Z");
    expect(sinceOf("yesterday", 0)).toBeUndefined();
  });
});
