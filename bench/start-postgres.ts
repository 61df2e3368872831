import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemTimers } from '../src/clock.ts';
import { openService } from '../src/compose/service.ts';
import { readFromDisk } from '../src/config/files.ts';
import { loadConfig } from '../src/config/load.ts';
import { Secret } from '../src/core/secret.ts';
import { HOUR } from '../src/core/time.ts';
import { createLogger } from '../src/logger.ts';
import { systemRandom } from '../src/random.ts';
import { keyring } from '../test/support/keyrings.ts';
import { startPostgres, type TestPostgres } from '../test/support/postgres.ts';
import { openTestPostgres } from '../test/support/postgres-store.ts';

/** Seconds from opening the store until the service could listen. */
export interface StartFigures {
  /** Publishing all the keyrings, sixteen at a time: what the store alone can do. */
  readonly publishing: number;
  /** A start that finds them all and looks at each, because the config file declares them. */
  readonly declared: number;
  /** A start that finds them all. */
  readonly plain: number;
}

/** How long the service takes to start on PostgreSQL with so many keyrings. The server syncs every commit, as one in service does. */
export async function measureStart(keyrings: number): Promise<StartFigures> {
  const ends: (() => unknown)[] = [];
  try {
    const server = await startPostgres({ teardown: (end) => ends.unshift(end) }, { durable: true });
    const folder = mkdtempSync(join(tmpdir(), 'keyturn-bench-'));
    ends.push(() => rmSync(folder, { recursive: true, force: true }));
    const names = Array.from({ length: keyrings }, (_, index) => `web-${index}`);
    const declared = `keyrings: [${names.map((name) => `{name: ${name}}`).join(', ')}]`;
    const start = (yaml: string) => startOnce(server.url(), folder, yaml);
    const publishing = await publishAll(server, names);
    await start(''); // gives what was published past the service its audit records
    return { publishing, declared: await start(declared), plain: await start('') };
  } finally {
    for (const end of ends) await end();
  }
}

async function publishAll(server: TestPostgres, names: readonly string[]): Promise<number> {
  const ends: (() => unknown)[] = [];
  const { store } = await openTestPostgres({ teardown: (end) => ends.unshift(end) }, server, { schema: 'keyturn' });
  const queue = names.values();
  const worker = async (): Promise<void> => {
    for (const name of queue) {
      const document = keyring(name, systemClock.now() - HOUR);
      const [first] = document.versions;
      if (first === undefined) throw new Error('no version');
      const material = new Secret(systemRandom.bytes(32).toString('hex'));
      await store.publish(document, null, [{ ref: { keyring: document.name, version: 1, nonce: first.nonce }, material }]);
    }
  };
  const began = systemClock.uptime();
  await Promise.all(Array.from({ length: 16 }, worker));
  const seconds = (systemClock.uptime() - began) / 1_000;
  for (const end of ends) await end();
  return seconds;
}

async function startOnce(url: string, folder: string, yaml: string): Promise<number> {
  const env = {
    KEYTURN_CONFIG: 'bench.yaml',
    KEYTURN_DATA_DIR: folder,
    KEYTURN_LOG_LEVEL: 'warn',
    KEYTURN_STORE: 'postgres',
    KEYTURN_POSTGRES_URL: url,
    KEYTURN_MASTER_KEY: '5a'.repeat(32),
  };
  const read = (path: string) => (path.endsWith('bench.yaml') ? { text: yaml, mode: 0o100600 } : readFromDisk(path));
  const settings = loadConfig({ env, cwd: folder, read }, systemClock.now());
  const logger = createLogger(settings.log.level);
  const began = systemClock.uptime();
  const service = await openService(settings, { clock: systemClock, timers: systemTimers, random: systemRandom, logger });
  const seconds = (systemClock.uptime() - began) / 1_000;
  await service.stop();
  return seconds;
}

if (import.meta.main) {
  const count = Number(process.argv[2] ?? 10_000);
  const { publishing, declared, plain } = await measureStart(count);
  console.log(
    `${count} keyrings on PostgreSQL: published in ${publishing} s; a start with them ${plain} s, with all declared ${declared} s`,
  );
}
