import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type MigrateDeps, migrate } from '../app/migrate.ts';
import { callOffMove } from '../app/move.ts';
import type { LedgerWriter, RecordedChange } from '../audit/ledger.ts';
import { encodeEvent } from '../audit/record.ts';
import { systemClock, systemTimers } from '../clock.ts';
import { loadConfig } from '../config/load.ts';
import type { Settings } from '../config/settings.ts';
import { currentSurroundings } from '../config/surroundings.ts';
import { KeyturnError } from '../core/errors.ts';
import type { Keyring } from '../core/keyring.ts';
import { isLive } from '../core/version.ts';
import { createLogger } from '../logger.ts';
import type { MigrateOutcome, MigrateRequest } from '../ports/at-machine.ts';
import type { AuditEvent } from '../ports/journal.ts';
import { systemRandom } from '../random.ts';
import { sameSecret } from '../stores/sealing.ts';
import { prepareLeases } from '../stores/sqlite/audit/leases.ts';
import { sqliteLedgerReader } from '../stores/sqlite/audit/reader.ts';
import { auditPath, openAuditForReading } from '../stores/sqlite/audit/schema.ts';
import { unmovedSpools } from '../stores/sqlite/audit/spools.ts';
import { inlineLedger } from '../stores/sqlite/audit/threads.ts';
import { databasePath } from '../stores/sqlite/database.ts';
import { ownEvent } from './audit.ts';
import { type Foundation, openFoundation } from './foundation.ts';
import type { Surroundings } from './service.ts';

/** Moves everything from the store of one config file to that of another. @throws KeyturnError as `migrate` does */
export function migrateStores({ from, to }: MigrateRequest, progress: MigrateDeps['progress']): Promise<MigrateOutcome> {
  return migrateBetween(settingsIn(from), settingsIn(to), atMachine(), progress);
}

/** @throws KeyturnError `invalid_config` where no move is under way, or it is too late */
export async function callOffMigration(file: string): Promise<string> {
  return callOffIn(settingsIn(file), atMachine());
}

export async function callOffIn(settings: Settings, surroundings: Surroundings): Promise<string> {
  requireThere(settings);
  const foundation = await openFoundation(settings, surroundings);
  try {
    const place = placeOf(settings);
    await callOffMove({ move: foundation.move, place });
    return place;
  } finally {
    await foundation.close();
  }
}

/** @throws KeyturnError as `migrate` does */
export async function migrateBetween(
  from: Settings,
  to: Settings,
  surroundings: Surroundings,
  progress: MigrateDeps['progress'],
): Promise<MigrateOutcome> {
  requireThere(from);
  if (usesFolder(from) && usesFolder(to) && from.dataDir === to.dataDir) throw sameFolder(from);
  await using old = await openEnd(from, surroundings);
  await using fresh = await openEnd(to, surroundings);
  if ((await fresh.foundation.move.read()) === null) {
    requireNoLog(to);
    requireNoSpool(from);
  }
  const places = { from: placeOf(from), to: placeOf(to) };
  const moved = await migrate({
    from: { ...old.foundation, place: places.from },
    to: { ...fresh.foundation, place: places.to },
    random: surroundings.random,
    same: sameSecret,
    progress,
    recordLeft: ({ keyrings, keys, tokens }) =>
      old.record([[event(surroundings, `to ${places.to}: ${keyrings} keyrings, ${keys} keys, ${tokens} tokens`), null]]),
    recordArrived: (keyrings) => fresh.record(keyrings.map((keyring) => arrival(surroundings, keyring, places.from))),
  });
  return { ...places, moved };
}

/** An event, with the change that it accounts for where there is one. */
type Entry = readonly [AuditEvent, RecordedChange | null];

/** A store that is open, and its audit log. */
interface End extends AsyncDisposable {
  readonly foundation: Foundation;
  record(entries: readonly Entry[]): Promise<void>;
}

async function openEnd(settings: Settings, surroundings: Surroundings): Promise<End> {
  const foundation = await openFoundation(settings, surroundings);
  const own = foundation.log?.writer ?? foundation.ledger;
  const writer = own ?? inlineLedger(auditPath(settings.dataDir), foundation.auditKeys, prepareLeases);
  return {
    foundation,
    record: (entries) => commit(writer, entries, surroundings),
    async [Symbol.asyncDispose]() {
      if (own === undefined) await writer.close();
      await foundation.close();
    },
  };
}

/** The registry of leases is left alone: it begins, incomplete, with the service. */
function commit(writer: LedgerWriter, entries: readonly Entry[], { clock }: Surroundings): Promise<void> {
  const texts = entries.map(([event]) => encodeEvent(event));
  const changes = entries.flatMap(([, change]) => change ?? []);
  return new Promise((done, failed) =>
    writer.commit({ texts, leases: [], changes, at: clock.now() }, (failure) => (failure === null ? done() : failed(failure))),
  );
}

function event({ clock }: Surroundings, reason: string): AuditEvent {
  return ownEvent(clock, 'store.migrate', reason);
}

/** A record for each keyring: the new log has to account for a document whose changes the old one recorded. */
function arrival(surroundings: Surroundings, { name, versions, changed }: Keyring, place: string): Entry {
  const live = versions.filter(isLive).map(({ version }) => version);
  const arrived = { ...event(surroundings, `from ${place}`), keyring: name, versions: live };
  return [arrived, { keyring: name, changedAt: changed.at }];
}

function atMachine(): Surroundings {
  return { clock: systemClock, timers: systemTimers, random: systemRandom, logger: createLogger('silent') };
}

/** Of one of two: what the environment says of the service would be said of both stores. */
function settingsIn(file: string): Settings {
  const { env, ...rest } = currentSurroundings();
  const others = Object.entries(env).filter(([name]) => !name.startsWith('KEYTURN_'));
  try {
    return loadConfig({ ...rest, env: { ...Object.fromEntries(others), KEYTURN_CONFIG: resolve(rest.cwd, file) } }, systemClock.now());
  } catch (error) {
    throw error instanceof KeyturnError ? naming(file, error) : error;
  }
}

/** There are two files: which one is at fault? */
function naming(file: string, { code, message, faults }: KeyturnError): KeyturnError {
  const named = faults.map((fault) => ({ ...fault, path: fault.path.replace(/^KEYTURN_CONFIG/, file) }));
  return new KeyturnError(code, `${file}: ${message}`, { faults: named });
}

function placeOf({ store, dataDir }: Settings): string {
  switch (store.kind) {
    case 'sqlite':
      return `the data folder ${dataDir}`;
    case 'postgres':
      return `the PostgreSQL schema ${store.schema}`;
    case 'vault':
      return `Vault at ${store.address}, ${store.mount}/${store.prefix}`;
    case 'aws':
      return `AWS Secrets Manager, ${store.region ?? 'default region'}, ${store.prefix}`;
  }
}

/** Whether its service keeps its audit log and its leases in the data folder. */
function usesFolder({ store }: Settings): boolean {
  return store.kind !== 'postgres';
}

function requireThere({ store, dataDir }: Settings): void {
  if (store.kind !== 'sqlite' || existsSync(databasePath(dataDir))) return;
  throw new KeyturnError('invalid_config', `There is no data in ${dataDir}: nothing to move. Is it the right folder?`);
}

/** A log of another store is none of this one, and a registry of leases that was kept for another store tells nothing of this one's. */
function requireNoLog(settings: Settings): void {
  const path = auditPath(settings.dataDir);
  if (!usesFolder(settings) || !existsSync(path)) return;
  const reader = sqliteLedgerReader(openAuditForReading(path));
  try {
    if (reader.head() === null) return;
  } finally {
    reader.close();
  }
  throw new KeyturnError('invalid_config', `The data folder ${settings.dataDir} holds the audit log of another store. Name a new folder.`);
}

/** What lies in a spool belongs into the log of the old store, and no service starts on that one to move it there once it is given up. */
function requireNoSpool({ dataDir }: Settings): void {
  const [spool, ...more] = unmovedSpools(dataDir);
  if (spool === undefined) return;
  const others = more.length === 0 ? '' : ` (and ${more.length} more)`;
  throw new KeyturnError(
    'invalid_config',
    `${spool}${others} holds audit records of an outage that are not in the log of the old store yet. Start the service on the old store until its metric keyturn_audit_spooled is 0, then begin again. Nothing was moved.`,
  );
}

function sameFolder({ dataDir }: Settings): KeyturnError {
  return new KeyturnError(
    'invalid_config',
    `Both configurations name the data folder ${dataDir}, which keeps an audit log for each. Give the new one another dataDir.`,
  );
}
