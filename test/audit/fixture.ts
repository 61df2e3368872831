import { join } from 'node:path';
import { type AuditKeys, makeAuditKeys, readAuditKeys } from '../../src/audit/keys.ts';
import type { LedgerWriter } from '../../src/audit/ledger.ts';
import { encodeEvent } from '../../src/audit/record.ts';
import type { KeyringName } from '../../src/core/name.ts';
import type { PrincipalId } from '../../src/core/version.ts';
import type { AuditEvent } from '../../src/ports/journal.ts';
import type { InstanceId } from '../../src/ports/leases.ts';
import { storeRandom, temporaryFolder } from '../support/sqlite.ts';

export const AT = Date.parse('2026-03-01T12:00:00.000Z');

export function event(changes: Partial<AuditEvent> = {}): AuditEvent {
  return {
    at: AT,
    action: 'keys.read',
    outcome: 'done',
    code: null,
    principal: { id: 'token:abcdefghijkl' as PrincipalId, name: 'web servers' },
    keyring: 'web' as KeyringName,
    versions: [2, 1],
    instance: 'web-1' as InstanceId,
    address: '127.0.0.1',
    requestId: 'a1-1',
    reason: null,
    ...changes,
  };
}

export function texts(count: number, from = 1): string[] {
  return Array.from({ length: count }, (_, index) => encodeEvent(event({ at: AT + from + index, requestId: `r-${from + index}` })));
}

export function newKeys(): AuditKeys {
  return readAuditKeys(makeAuditKeys(storeRandom));
}

export function auditFile(t: { teardown(action: () => unknown): void }): string {
  return join(temporaryFolder(t), 'audit.db');
}

/** One commit, awaited. */
export function commit(ledger: LedgerWriter, lines: readonly string[], at = AT): Promise<void> {
  return new Promise((resolve, reject) => {
    ledger.commit({ texts: lines, leases: [], changes: [], at }, (failure) => (failure === null ? resolve() : reject(failure)));
  });
}
