import { DAY, HOUR, type Instant, MINUTE, type Millis, SECOND } from '../../core/time.ts';

const UNITS: readonly (readonly [Millis, string])[] = [
  [DAY, 'day'],
  [HOUR, 'h'],
  [MINUTE, 'min'],
  [SECOND, 's'],
];

/** An instant of the API for people: `2026-12-01 03:00:00 UTC`; null is a dash. What is no instant stays as it is. */
export function instant(iso: string | null): string {
  if (iso === null) return '–';
  const at = Date.parse(iso);
  return Number.isNaN(at) ? iso : `${new Date(at).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** The same, with how far away it is: `2026-12-01 03:00:00 UTC (in 6 days)`. */
export function instantFrom(iso: string | null, now: Instant): string {
  return iso === null ? '–' : `${instant(iso)} (${distance(Date.parse(iso) - now)})`;
}

/** Rounded to one unit: `in 6 days`, `3 min ago`, `now`. */
export function distance(millis: Millis): string {
  const size = Math.abs(millis);
  const [unit, name] = UNITS.find(([unit]) => size >= unit) ?? [0, ''];
  if (unit === 0) return 'now';
  const amount = Math.round(size / unit);
  const words = `${amount} ${name === 'day' && amount > 1 ? 'days' : name}`;
  return millis > 0 ? `in ${words}` : `${words} ago`;
}

/** The same instant on the wall clock of a time zone: `2026-12-01 04:00:00`. */
export function onWallClock(at: Instant, timeZone: string): string {
  const format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
  return format.format(new Date(at));
}
