/** How available a service was, in words. */
import type { Availability } from "../../data/types";
import { duration } from "../../parts/format";

const PERCENT = new Intl.NumberFormat("en-US", { minimumFractionDigits: 0, maximumFractionDigits: 3 });

/** `99.95 %`; cut and not rounded, so that what had an outage is never said to be at 100 %. */
export function percent(value: number | null): string {
  return value === null ? "not known" : `${PERCENT.format(Math.floor(value * 1000) / 1000)} %`;
}

/** How a day is drawn: all was well, something was not, or nothing is known of it. */
export function dayState(day: Availability["days"][number]): "well" | "down" | "expected" | "unknown" {
  if (day.down_s > 0) return "down";
  if (day.expected_s > 0) return "expected";
  return day.availability === null ? "unknown" : "well";
}

/** `2026-05-01: down for 12 m` */
export function dayText(day: Availability["days"][number]): string {
  const down = day.down_s > 0 ? `down for ${duration(day.down_s * 1000)}` : "";
  const expected = day.expected_s > 0 ? `${down ? "" : "down "}${duration(day.expected_s * 1000)} as expected` : "";
  return `${day.date}: ${[down, expected].filter(Boolean).join(", and ") || (day.availability === null ? "nothing is known" : "not down")}`;
}

/** What is left of the time that the objective lets it be down. */
export function budgetText(budget: NonNullable<Availability["budget"]>): string {
  const left = duration(Math.abs(budget.left_s) * 1000);
  const window = duration(budget.window_s * 1000);
  return budget.left_s < 0 ? `missed by ${left} within ${window}` : `${left} of ${duration(budget.total_s * 1000)} left within ${window}`;
}

/** `uses it up 14 times as fast as it may`, from the pair of the last hour and five minutes; nothing while it does not. */
export function burnText(budget: NonNullable<Availability["budget"]>): string {
  const rate = (over: string): number => budget.burn.find((one) => one.over === over)?.rate ?? 0;
  const now = Math.min(rate("1h"), rate("5m"));
  return now > 1 ? `it is used up ${now >= 10 ? now.toFixed(0) : now.toFixed(1)} times as fast as it may be` : "";
}
