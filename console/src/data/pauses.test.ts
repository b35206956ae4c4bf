import { expect, test } from "vitest";

import { holding } from "./pauses";
import type { Pause } from "./types";

test("the pauses of a namespace are its own and that of everything, which comes first", () => {
  const pauses = ["basis", "*", "erp"].map((id) => ({ id }) as Pause);
  expect(holding(pauses, "erp").map((one) => one.id)).toEqual(["*", "erp"]);
  expect(holding(pauses, undefined).map((one) => one.id)).toEqual(["*", "basis", "erp"]);
  expect(holding(pauses, "other").map((one) => one.id)).toEqual(["*"]);
});
