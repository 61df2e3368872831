import type { Paint } from '../ui.ts';
import type { AuditRecord, AuditVerdict } from '../wire.ts';
import { instant } from './instants.ts';
import { facts, table } from './table.ts';

export function auditTable(paint: Paint, records: readonly AuditRecord[]): string {
  return table(
    paint,
    ['#', 'WHEN', 'ACTION', 'OUTCOME', 'WHO', 'KEYRING', 'VERSIONS', 'INSTANCE', 'FROM', 'WHY'],
    records.map((record) => [
      String(record.sequence),
      instant(record.at),
      record.action,
      record.code === null ? record.outcome : `${record.outcome} (${record.code})`,
      record.principal?.name ?? '–',
      record.keyring ?? '–',
      record.versions.join(' '),
      record.instance ?? '–',
      record.address ?? '–',
      record.reason ?? '',
    ]),
  );
}

export function verdictText(paint: Paint, { intact, records, from, to, head, findings, unchecked }: AuditVerdict): string {
  const found = findings.map(({ sequence, problem }) => `  record ${sequence}: ${problem}\n`).join('');
  const unsaid = unchecked.length === 0 ? '' : `Not checked:\n${unchecked.map((line) => `  ${line}\n`).join('')}`;
  const told = facts(paint, [
    ['records', `${records} (${from} to ${to})`],
    ['last hash', head],
  ]);
  return `${intact ? paint('green', 'The log is intact.') : paint('red', 'The log is NOT intact.')}\n${found}${told}${unsaid}`;
}
