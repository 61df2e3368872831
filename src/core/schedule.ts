import { Cron } from 'croner';
import type { Fault } from './errors.ts';
import type { Instant, Millis } from './time.ts';

/**
 * When rotations begin. `cron` has five fields (minute, hour, day of month, month, day of week) or six with seconds in front.
 * A field is `*`, a number, a name (`JAN`, `SUN`; Sunday is 0 or 7), a range `a-b`, a step `/n` after `*` or a range, a list `a,b`; `L` is the last
 * day of the month, `LW` its last weekday, `15W` the weekday nearest to the 15th, `5#2` the second Friday, `5#L` the last. Where both day fields are
 * restricted, either one matches, as in crontab(5).
 *
 * Daylight saving: a schedule without `*` and step in seconds, minute and hour names fixed times. One of them inside the gap of spring happens at the
 * end of the gap; one in the time that repeats in autumn happens once, at its first occurrence. Any other schedule follows the clock on the wall:
 * what it skips does not happen, what it shows twice happens twice.
 */
export interface Schedule {
  readonly cron: string;
  /** An IANA time zone. Default UTC. */
  readonly timeZone: string;
}

const MAX_CRON_LENGTH = 100;
const CRON = /^[0-9A-Za-z*,/#-]+( [0-9A-Za-z*,/#-]+){4,5}$/;
/** A year has 366 days: enough slots to see a daily schedule pass both changes of the clock. */
const SLOTS_TO_LOOK_AT = 400;

/** How many schedules are remembered; more than a service has keyrings that change at one time. */
const MOST_REMEMBERED = 256;

/** The slot after an instant is that after any later one before the slot. Oldest first: to look for a slot takes a tenth of a millisecond, a start asks for thousands. */
const slots = new Map<string, { readonly after: Instant; readonly next: Instant | null }>();

/** The first slot strictly after an instant; null when the schedule never fires again. */
export function slotAfter(schedule: Schedule, after: Instant): Instant | null {
  const key = keyOf(schedule);
  const known = slots.get(key);
  if (known !== undefined && known.after <= after && (known.next === null || after < known.next)) return known.next;
  const next = compile(schedule).nextRun(new Date(after))?.getTime() ?? null;
  remember(slots, key, { after, next });
  return next;
}

function keyOf({ cron, timeZone }: Schedule): string {
  return `${cron} ${timeZone}`;
}

/** Among the few that were asked for last. */
function remember<Value>(memory: Map<string, Value>, key: string, value: Value): void {
  memory.delete(key);
  memory.set(key, value);
  const [oldest] = memory.keys();
  if (memory.size > MOST_REMEMBERED && oldest !== undefined) memory.delete(oldest);
}

/** The next slots strictly after an instant, at most `count` of them. */
export function slotsAfter(schedule: Schedule, after: Instant, count: number): Instant[] {
  return slotsUntil(schedule, after, Number.POSITIVE_INFINITY, count);
}

/** How many slots lie in (from, to], at most `limit`. */
export function slotsBetween(schedule: Schedule, from: Instant, to: Instant, limit: number): number {
  return slotsUntil(schedule, from, to, limit).length;
}

/** Looks no further than the first slot after `to`: a rare schedule takes long to look far ahead. */
function slotsUntil(schedule: Schedule, after: Instant, to: Instant, count: number): Instant[] {
  const cron = compile(schedule);
  const found: Instant[] = [];
  for (let from = after; found.length < count; ) {
    const next = cron.nextRun(new Date(from));
    if (next === null || next.getTime() > to) break;
    from = next.getTime();
    found.push(from);
  }
  return found;
}

/** Gaps by schedule and the first slot that was looked at, oldest first: looking at so many slots takes 10 ms. */
const gaps = new Map<string, Millis | null>();

/** The shortest time between two of the coming slots; null with fewer than two. */
export function shortestGap(schedule: Schedule, now: Instant): Millis | null {
  const first = slotAfter(schedule, now);
  if (first === null) return null;
  // The slots that follow depend on the first alone, not on the instant before it.
  const key = `${keyOf(schedule)} ${first}`;
  const known = gaps.get(key);
  if (known !== undefined) return known;
  const gap = gapAmong([first, ...slotsAfter(schedule, first, SLOTS_TO_LOOK_AT - 1)]);
  remember(gaps, key, gap);
  return gap;
}

function gapAmong(slots: readonly Instant[]): Millis | null {
  const found = slots.slice(1).map((slot, index) => slot - (slots[index] ?? slot));
  return found.length === 0 ? null : Math.min(...found);
}

/** Faults of the schedule by itself: outside the dialect, unknown time zone, never fires. */
export function checkSchedule(schedule: Schedule, now: Instant): Fault[] {
  if (!isTimeZone(schedule.timeZone)) {
    return [{ path: '/policy/schedule/timeZone', message: 'must be an IANA time zone such as UTC or Europe/Berlin' }];
  }
  const path = '/policy/schedule/cron';
  if (schedule.cron.length > MAX_CRON_LENGTH || !CRON.test(schedule.cron)) {
    return [
      { path, message: 'must have five fields (minute hour day month weekday), or six with seconds in front, separated by single spaces' },
    ];
  }
  try {
    if (slotAfter(schedule, now) !== null) return [];
    return [{ path, message: 'never fires: no date matches it. Check the day and the month.' }];
  } catch {
    return [{ path, message: 'has a field that is out of range or not in the dialect (docs/operations.md, "Schedules")' }];
  }
}

/** @throws on a cron expression or time zone that `checkSchedule` refuses */
function compile({ cron, timeZone }: Schedule): Cron {
  return new Cron(cron, { timezone: timeZone, paused: true, mode: '5-or-6-parts', fixedTimeRule: 'no-wildcard' });
}

/** Names that were found to be time zones: to ask takes as long as to look for a slot. */
const zones = new Map<string, true>();

function isTimeZone(timeZone: string): boolean {
  // Offsets such as +02:00 are valid for Intl but know no daylight saving; only names are in the dialect.
  if (!/^[A-Za-z]/.test(timeZone)) return false;
  if (zones.has(timeZone)) return true;
  try {
    new Intl.DateTimeFormat('en', { timeZone });
    remember(zones, timeZone, true);
    return true;
  } catch {
    return false;
  }
}
