import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemTimers } from '../src/clock.ts';
import { openService } from '../src/compose/service.ts';
import { readFromDisk } from '../src/config/files.ts';
import { loadConfig } from '../src/config/load.ts';
import { MINUTE, type Millis } from '../src/core/time.ts';
import { createLogger } from '../src/logger.ts';
import { systemRandom } from '../src/random.ts';
import { startPostgres } from '../test/support/postgres.ts';

/** Seconds from reading the configuration until the service could listen. */
export interface StartFigures {
  /** A start that makes them all, because the config file declares them. */
  readonly creating: number;
  /** A start that finds them all, and for none its audit record. */
  readonly recovering: number;
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
    const start = (yaml: string, ahead: Millis) => startOnce(server.url(), folder, yaml, ahead);
    return {
      creating: await start(declared, 0),
      // records of other replicas are waited for, a minute
      recovering: await start('', 2 * MINUTE),
      declared: await start(declared, 2 * MINUTE),
      plain: await start('', 2 * MINUTE),
    };
  } finally {
    for (const end of ends) await end();
  }
}

/** @param ahead how much later by the service's clock */
async function startOnce(url: string, folder: string, yaml: string, ahead: Millis): Promise<number> {
  const env = {
    KEYTURN_CONFIG: 'bench.yaml',
    KEYTURN_DATA_DIR: folder,
    KEYTURN_LOG_LEVEL: 'error',
    KEYTURN_STORE: 'postgres',
    KEYTURN_POSTGRES_URL: url,
    KEYTURN_MASTER_KEY: '5a'.repeat(32),
  };
  const read = (path: string) => (path.endsWith('bench.yaml') ? { text: yaml, mode: 0o100600 } : readFromDisk(path));
  const began = systemClock.uptime();
  const settings = loadConfig({ env, cwd: folder, read }, systemClock.now());
  const logger = createLogger(settings.log.level);
  const clock = { ...systemClock, now: () => systemClock.now() + ahead };
  const service = await openService(settings, { clock, timers: systemTimers, random: systemRandom, logger });
  const seconds = (systemClock.uptime() - began) / 1_000;
  await service.stop();
  return seconds;
}

if (import.meta.main) {
  const count = Number(process.argv[2] ?? 10_000);
  console.log(count, 'keyrings on PostgreSQL, seconds:', await measureStart(count));
}
