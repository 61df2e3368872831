/** A moment in time: whole milliseconds since the Unix epoch, UTC. */
export type Instant = number;

/** A length of time in whole milliseconds. */
export type Millis = number;

export const SECOND: Millis = 1_000;
export const MINUTE: Millis = 60 * SECOND;
export const HOUR: Millis = 60 * MINUTE;
export const DAY: Millis = 24 * HOUR;

/** RFC 3339 in UTC with milliseconds: the only form in which an instant leaves the process. */
export function toIso(at: Instant): string {
  return new Date(at).toISOString();
}

/** The earliest of the given instants; null where there is none. */
export function earliest(instants: Iterable<Instant>): Instant | null {
  let first: Instant | null = null;
  for (const at of instants) if (first === null || at < first) first = at;
  return first;
}
