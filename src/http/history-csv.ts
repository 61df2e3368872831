import { stringify } from 'csv-stringify/sync';
import type { Act } from '../core/version.ts';
import type { HistoryItem } from './views.ts';

type WireAct = (Omit<Act, 'at'> & { readonly at: string }) | null;

const act = (prefix: string, done: WireAct) => ({
  [`${prefix}At`]: done?.at ?? '',
  [`${prefix}ById`]: done?.by.id ?? '',
  [`${prefix}ByName`]: done?.by.name ?? '',
  [`${prefix}Reason`]: done?.reason ?? '',
});

/** The history for a spreadsheet. Cells that a spreadsheet would take for a formula are escaped: reasons and names are free text. */
export function historyCsv(items: readonly HistoryItem[]): string {
  const rows = items.map((item) => ({
    version: item.version,
    role: item.role,
    kind: item.kind,
    ...act('created', item.created),
    slot: item.slot ?? '',
    activatesAt: item.activatesAt,
    ...act('advanced', item.advanced),
    verifyUntil: item.verifyUntil ?? '',
    ...act('revoked', item.revoked),
    destroyedAt: item.destroyedAt ?? '',
    origin: item.provenance.origin,
    bytes: item.provenance.bytes,
    howMade: howMade(item.provenance),
  }));
  return stringify(rows, { header: true, escape_formulas: true, record_delimiter: 'windows' });
}

function howMade(provenance: HistoryItem['provenance']): string {
  if (provenance.origin === 'imported') return `${provenance.judgement}${overriddenBy(provenance)}`;
  return `${provenance.generator}, ${provenance.encoding}, ${provenance.runtime}, OpenSSL ${provenance.openssl}`;
}

function overriddenBy({ overridden }: Extract<HistoryItem['provenance'], { origin: 'imported' }>): string {
  return overridden === undefined ? '' : `; to verify only, accepted by ${overridden.by.name}: ${overridden.reason}`;
}
