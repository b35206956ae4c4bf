import { describe, expect, it } from "vitest";

import type { Fact } from "../../data/types";
import { silent, tellings } from "./told";

const fact = (n: number, type: string, data: unknown): Fact =>
  ({ position: `0-${String(n)}`, recorded_at: `2026-01-01T00:00:0${String(n)}Z`, type, id: "ef-1", event: { type, data } }) as unknown as Fact;
const effect = { kind: "notify", uses: "email", payload: { channel: "default/mail", reason: "first", with: { to: ["a@localhost"] } } };

describe("who was told", () => {
  it("each notification stands once, as it is now, with when it was asked for", () => {
    const facts = [fact(3, "oncue.effect.succeeded", { ...effect, state: "succeeded" }), fact(2, "oncue.effect.requested", { ...effect, state: "pending" })];
    expect(tellings(facts)).toMatchObject([{ to: "a@localhost", reason: "first", state: "succeeded", at: "2026-01-01T00:00:02Z", last: "2026-01-01T00:00:03Z" }]);
  });
  it("that nobody was told is said once for each reason", () => {
    const skipped = { reason: "no_addressee", detail: "it has no owner" };
    expect(silent([fact(5, "oncue.notification.skipped", skipped), fact(4, "oncue.notification.skipped", skipped)])).toMatchObject([{ times: 2, position: "0-5" }]);
  });
});
