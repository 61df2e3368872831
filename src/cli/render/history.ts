import type { Paint } from '../ui.ts';
import type { HistoryItem } from '../wire.ts';
import { instant } from './instants.ts';
import { table } from './table.ts';

export function historyTable(paint: Paint, items: readonly HistoryItem[]): string {
  return table(
    paint,
    ['VERSION', 'ROLE', 'KIND', 'PUBLISHED', 'BY', 'REASON', 'SIGNS FROM', 'END'],
    items.map((item) => [
      String(item.version),
      item.role,
      item.kind,
      instant(item.created.at),
      item.created.by.name,
      item.created.reason,
      instant(item.activatesAt),
      endOf(item),
    ]),
  );
}

function endOf({ revoked, verifyUntil, destroyedAt }: HistoryItem): string {
  const destroyed = destroyedAt === null ? '' : ', key destroyed';
  if (revoked !== null) return `revoked ${instant(revoked.at)} by ${revoked.by.name}: ${revoked.reason}${destroyed}`;
  return verifyUntil === null ? '–' : `verifies until ${instant(verifyUntil)}${destroyed}`;
}
