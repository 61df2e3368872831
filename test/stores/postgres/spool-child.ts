import { systemClock, systemTimers } from '../../../src/clock.ts';
import { openSpool } from '../../../src/compose/spool.ts';
import { Secret } from '../../../src/core/secret.ts';
import { createLogger } from '../../../src/logger.ts';
import { systemRandom } from '../../../src/random.ts';
import { openPostgres } from '../../../src/stores/postgres/postgres.ts';
import { event } from '../../audit/fixture.ts';
import { MASTER_KEY } from '../../support/postgres-store.ts';

/** Records of one commit. */
const TOGETHER = 7;

/**
 * A replica's spool in a process that is to be killed. `write FROM`: records requests, some at a time, and prints the number of the last one once they
 * are durable. `move`: moves what is there, and says when it begins and when it has.
 */
const [what = '', url = '', schema = '', dataDir = '', from = '1'] = process.argv.slice(2);
const around = { clock: systemClock, timers: systemTimers, random: systemRandom };
const postgres = await openPostgres({
  url: new Secret(url),
  schema,
  poolSize: 2,
  caFile: null,
  masterKey: MASTER_KEY,
  timeout: 60_000,
  ...around,
});
const spool = await openSpool({
  dataDir,
  mostBytes: 100_000_000,
  keys: postgres.auditKeys,
  receiver: postgres.log.spools,
  logger: createLogger('silent'),
  ...around,
});

if (what === 'write') {
  const record = (number: number) =>
    new Promise<void>((resolve, reject) => {
      spool.journal.append(event({ requestId: `r-${number}` }), null, (failure) => (failure === null ? resolve() : reject(failure)));
    });
  for (let next = Number(from); ; next += TOGETHER) {
    await Promise.all(Array.from({ length: TOGETHER }, (_, index) => record(next + index)));
    process.stdout.write(`${next + TOGETHER - 1}\n`);
  }
} else {
  process.stdout.write('moving\n');
  await spool.move();
  await spool.close();
  await postgres.close();
  process.stdout.write('moved\n');
}
