import type { Schedule } from '../../core/schedule.ts';
import type { Instant } from '../../core/time.ts';
import type { Slot } from '../preview.ts';
import type { Paint } from '../ui.ts';
import { instant, instantFrom, onWallClock } from './instants.ts';
import { table } from './table.ts';

/** The rotations to come; with the wall clock of the schedule's time zone where that is not UTC. */
export function slotsTable(paint: Paint, { cron, timeZone }: Schedule, slots: readonly Slot[], now: Instant): string {
  const local = timeZone !== 'UTC';
  const rows = slots.map(({ publishedAt, activatesAt, previousVerifiesUntil }) => [
    ...(local ? [onWallClock(Date.parse(publishedAt), timeZone)] : []),
    instantFrom(publishedAt, now),
    instant(activatesAt),
    instant(previousVerifiesUntil),
  ]);
  const head = [...(local ? ['SLOT THERE'] : []), 'NEW KEY PUBLISHED', 'NEW KEY SIGNS', 'OLD KEY VERIFIES UNTIL'];
  return `By cron "${cron}" (${timeZone}):\n\n${table(paint, head, rows)}`;
}
