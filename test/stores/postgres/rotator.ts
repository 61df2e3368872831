// A replica that sweeps once, and kills itself at the nth statement that is no question. Prints how many there were where it lives to its end. It writes the log on
// its only thread, so that the statements of that are counted too.
import pg from 'pg';
import { systemTimers } from '../../../src/clock.ts';
import { sharedFoundation } from '../../../src/compose/foundation.ts';
import { composeService } from '../../../src/compose/service.ts';
import { createLogger } from '../../../src/logger.ts';
import { openPostgres } from '../../../src/stores/postgres/postgres.ts';
import { settingsOf } from '../../crash/support.ts';
import { storeRandom } from '../../support/sqlite.ts';

export interface Rotation {
  readonly dataDir: string;
  readonly url: string;
  readonly schema: string;
  /** Added to the machine's clock, in milliseconds. */
  readonly offset: number;
  /** 0 = at none. */
  readonly nth: number;
  /** `during`: the server has the statement, and nobody is there for its answer. */
  readonly when: 'before' | 'during' | 'after';
}

const { dataDir, url, schema, offset, nth, when }: Rotation = JSON.parse(process.env.ROTATION ?? '');
const clock = { now: () => Date.now() + offset, uptime: () => Math.floor(performance.now()) };
const logger = createLogger('silent');
const surroundings = { clock, timers: systemTimers, random: storeRandom, logger };
const settings = settingsOf({ dataDir, postgres: { url, schema } });
const { store, masterKey } = settings;
if (store.kind !== 'postgres' || masterKey === null) throw new Error('these settings name PostgreSQL and a master key');
const postgres = await openPostgres({ ...store, masterKey, ...surroundings });
const service = await composeService(settings, surroundings, sharedFoundation(postgres));

let statements = 0;
const die = (): void => void process.kill(process.pid, 'SIGKILL');
const query = pg.Client.prototype.query as (...args: unknown[]) => unknown;
Object.defineProperty(pg.Client.prototype, 'query', {
  value(this: unknown, ...args: unknown[]): unknown {
    if (/^\s*SELECT/i.test(String(args[0]))) return query.apply(this, args);
    const isIt = ++statements === nth;
    if (isIt && when === 'before') die();
    const answer = query.apply(this, args);
    if (isIt && when === 'during') setImmediate(die);
    return isIt && answer instanceof Promise ? answer.finally(die) : answer;
  },
});
await service.sweep();
await service.stop();
process.stdout.write(`${statements}\n`);
process.exit(0);
