import { generateKey, materialRef } from '../src/app/material.ts';
import { systemClock } from '../src/clock.ts';
import type { ChangeId, Keyring } from '../src/core/keyring.ts';
import { type KeyringName, parseKeyringName } from '../src/core/name.ts';
import { DEFAULT_POLICY } from '../src/core/policy.ts';
import { create } from '../src/core/transitions/create.ts';
import type { MaterialNonce, PrincipalId } from '../src/core/version.ts';
import { systemRandom } from '../src/random.ts';
import { prepareLeases } from '../src/stores/sqlite/audit/leases.ts';
import { auditPath } from '../src/stores/sqlite/audit/schema.ts';
import { openAuditWriter } from '../src/stores/sqlite/audit/writer.ts';
import { openSqlite } from '../src/stores/sqlite/sqlite.ts';

/** All due in one slot: 03:00 UTC on the first of a month. */
const POLICY = DEFAULT_POLICY;
const BY = { id: 'token:bench' as PrincipalId, name: 'bench' };

export function nameOf(index: number): KeyringName {
  return parseKeyringName(`app-${String(index).padStart(6, '0')}`);
}

/** Makes a data folder with so many keyrings, as if each had been created by a call, but without waiting for the disk each time. */
export async function fill(dataDir: string, count: number): Promise<void> {
  const [clock, random] = [systemClock, systemRandom];
  const sqlite = openSqlite({ dataDir, masterKey: { from: 'data-folder' }, clock, random });
  sqlite.database.exec('PRAGMA cache_size = -500000; BEGIN IMMEDIATE');
  const changes: { keyring: KeyringName; changedAt: number }[] = [];
  const swaps: Promise<unknown>[] = [];
  let first: Keyring | null = null;
  for (let index = 0; index < count; index++) {
    const { material, provenance } = generateKey(random, POLICY);
    const draft = { nonce: random.bytes(8).toString('hex') as MaterialNonce, provenance };
    const changeId = random.bytes(12).toString('hex') as ChangeId;
    first ??= create(null, nameOf(index), POLICY, 'created', { now: clock.now(), by: BY, reason: 'bench', changeId, draft });
    const versions = first.versions.map((version) => ({ ...version, ...draft }));
    const keyring = { ...first, name: nameOf(index), versions, changed: { ...first.changed, id: changeId } };
    for (const version of keyring.versions) await sqlite.store.putMaterial(materialRef(keyring.name, version), material);
    swaps.push(sqlite.store.swap(keyring, null));
    changes.push({ keyring: keyring.name, changedAt: keyring.changed.at });
  }
  await Promise.all(swaps);
  sqlite.database.exec('COMMIT');
  const log = openAuditWriter(auditPath(dataDir), sqlite.auditKeys, prepareLeases);
  log.commit({ texts: [], leases: [], changes, at: clock.now() });
  log.close();
  sqlite.close();
}
