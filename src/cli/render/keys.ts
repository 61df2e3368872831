import type { Instant } from '../../core/time.ts';
import type { Paint } from '../ui.ts';
import type { KeysView } from '../wire.ts';
import { instant, instantFrom } from './instants.ts';
import { table } from './table.ts';

/** What an app server is given, newest first. Only `reveal` prints the keys. */
export function keysTable(paint: Paint, { current, previous, next }: KeysView, now: Instant, reveal: boolean): string {
  const rows = [
    ...(next === null ? [] : [['next', next, instantFrom(next.activatesAt, now), '–'] as const]),
    ['current', current, instant(current.activatesAt), '–'] as const,
    ...previous.map((key) => ['previous', key, '–', instantFrom(key.verifyUntil, now)] as const),
  ];
  return table(
    paint,
    ['VERSION', 'ROLE', 'SIGNS FROM', 'VERIFIES UNTIL', ...(reveal ? ['KEY'] : [])],
    rows.map(([role, { version, key }, signsFrom, verifiesUntil]) => [
      String(version),
      role,
      signsFrom,
      verifiesUntil,
      ...(reveal ? [key] : []),
    ]),
  );
}
