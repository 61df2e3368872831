import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/ports/clock.ts';
import type { Random } from '../../src/ports/random.ts';
import type { MasterKeySource } from '../../src/stores/master-key.ts';
import { openSqlite, type Sqlite } from '../../src/stores/sqlite/sqlite.ts';

/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

const STORE_TIME = Date.parse('2026-03-01T03:00:00.123Z');
export const storeClock: Clock = { now: () => STORE_TIME, uptime: () => 0 };

export const storeRandom: Random = {
  bytes: (count) => randomBytes(count),
  description: { generator: 'node:crypto randomBytes', runtime: 'test', openssl: 'test' },
};

/** A folder that is gone after the test. */
export function temporaryFolder(t: Teardown): string {
  const folder = mkdtempSync(join(tmpdir(), 'keyturn-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export interface TestSqliteOptions {
  readonly dataDir?: string;
  readonly masterKey?: MasterKeySource;
  readonly clock?: Clock;
  readonly random?: Random;
}

/** An embedded store on a folder of its own, closed and deleted after the test. Open the same `dataDir` again for a restart. */
export function openTestSqlite(t: Teardown, options: TestSqliteOptions = {}): Sqlite {
  const defaults = { masterKey: { from: 'data-folder' }, clock: storeClock, random: storeRandom } as const;
  const sqlite = openSqlite({ ...defaults, ...options, dataDir: options.dataDir ?? temporaryFolder(t) });
  t.teardown(() => sqlite.close());
  return sqlite;
}
