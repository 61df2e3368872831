import type { Paint } from '../ui.ts';
import type { HistoryItem, Provenance } from '../wire.ts';
import { instant } from './instants.ts';
import { table } from './table.ts';

export function historyTable(paint: Paint, items: readonly HistoryItem[]): string {
  return table(
    paint,
    ['VERSION', 'ROLE', 'KIND', 'PUBLISHED', 'BY', 'REASON', 'SIGNS FROM', 'END', 'HOW ITS KEY WAS MADE'],
    items.map((item) => [
      String(item.version),
      item.role,
      item.kind,
      instant(item.created.at),
      item.created.by.name,
      item.created.reason,
      instant(item.activatesAt),
      endOf(item),
      howMade(item.provenance),
    ]),
  );
}

function endOf({ revoked, verifyUntil, destroyedAt }: HistoryItem): string {
  const destroyed = destroyedAt === null ? '' : ', key destroyed';
  if (revoked !== null) return `revoked ${instant(revoked.at)} by ${revoked.by.name}: ${revoked.reason}${destroyed}`;
  return verifyUntil === null ? '–' : `verifies until ${instant(verifyUntil)}${destroyed}`;
}

/** What an auditor asks of a key: where it came from, how large it is, and what stands behind it. Every fault is in the JSON and the CSV. */
function howMade({ origin, bytes, encoding, runtime, openssl, judgement = 'not judged', overridden }: Provenance): string {
  if (origin === 'generated') return `${bytes} random bytes, ${encoding ?? '?'} (${runtime ?? '?'}, OpenSSL ${openssl ?? '?'})`;
  const judged = overridden === undefined ? judgement : `weak; to verify only, accepted by ${overridden.by.name}: ${overridden.reason}`;
  return `${origin}, at most ${bytes} bytes, ${judged}`;
}
