import { readdirSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pack } from '../backup/archive.ts';
import { encrypt } from '../backup/envelope.ts';
import { parseRecipient } from '../backup/recovery-key.ts';
import { KeyturnError } from '../core/errors.ts';
import { toIso } from '../core/time.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { Snapshots } from '../ports/snapshots.ts';
import { storeFailure } from '../stores/sqlite/errors.ts';

export interface BackupDeps {
  /** Null where the store is backed up by its own means. */
  readonly snapshots: Snapshots | null;
  /** From the configuration; null = none. */
  readonly recipient: string | null;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
}

/** Leftovers of a crash begin like this; the next start removes them. */
export const SNAPSHOT_FOLDER = '.snapshot-';

/** For whoever holds the lock of the data folder. */
export function removeLeftovers(dataDir: string): void {
  for (const name of readdirSync(dataDir))
    if (name.startsWith(SNAPSHOT_FOLDER)) rmSync(join(dataDir, name), { recursive: true, force: true });
}

/**
 * An encrypted copy of everything as of one moment.
 * @throws KeyturnError `backup_not_configured`, `store_full`, …, before the first byte
 */
export async function makeBackup(deps: BackupDeps): Promise<AsyncIterable<Buffer>> {
  const { snapshots, recipient } = deps;
  if (snapshots === null)
    throw new KeyturnError('backup_not_configured', 'This store is backed up by its own means; docs/stores.md says how.');
  if (recipient === null) throw noRecipient();
  const folder = await mkdtemp(join(deps.dataDir, SNAPSHOT_FOLDER)).catch((error: unknown) => {
    throw storeFailure(error, deps.dataDir);
  });
  try {
    // before the copy: whatever ends after this instant, or in it, may be missing in the backup
    const madeAt = toIso(deps.clock.now());
    const names = await snapshots.into(folder);
    const plain = pack({ folder, names, madeAt, masterKeyId: snapshots.masterKeyId });
    return removing(folder, encrypt(plain, parseRecipient(recipient), deps.random)[Symbol.asyncIterator]());
  } catch (error) {
    await remove(folder);
    throw storeFailure(error, deps.dataDir);
  }
}

/** The bytes of a backup; its plain files go with the last of them, with a failure, and when nobody wants it, even from the beginning. */
function removing(folder: string, source: AsyncIterator<Buffer>): AsyncIterableIterator<Buffer> {
  return {
    async next() {
      try {
        const step = await source.next();
        if (step.done === true) await remove(folder);
        return step;
      } catch (error) {
        await remove(folder);
        throw error;
      }
    },
    async return() {
      await source.return?.();
      await remove(folder);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true });
}

function noRecipient(): KeyturnError {
  return new KeyturnError(
    'backup_not_configured',
    'No recipient of backups is configured. Run: keyturn backup key --out recovery.key, keep that file away from here, and put the recipient that it prints into backup.recipient (or KEYTURN_BACKUP_RECIPIENT).',
  );
}
