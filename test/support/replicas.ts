import type { InjectOptions } from 'fastify';
import { systemTimers } from '../../src/clock.ts';
import type { LogPlace } from '../../src/compose/audit.ts';
import { sharedFoundation } from '../../src/compose/foundation.ts';
import { composeService, type Service } from '../../src/compose/service.ts';
import type { Settings } from '../../src/config/settings.ts';
import { Secret } from '../../src/core/secret.ts';
import { createLogger } from '../../src/logger.ts';
import type { ManualClock } from './clock.ts';
import type { TestPostgres } from './postgres.ts';
import { openTestPostgres } from './postgres-store.ts';
import { type Called, testSettings } from './service.ts';
import { storeRandom, temporaryFolder } from './sqlite.ts';

/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

export interface Replica {
  readonly service: Service;
  readonly dataDir: string;
  /** A call of its API; `token` defaults to none. */
  call(options: InjectOptions & { readonly token?: string }): Promise<Called>;
  log(): string;
}

export interface ReplicaOptions {
  readonly schema: string;
  readonly clock: ManualClock;
  /** Of a proxy before the server. Default: the server's own. */
  readonly port?: number;
  /** False: no notice is heard, as when the listening connection is down. */
  readonly listens?: boolean;
  readonly settings?: Partial<Settings>;
  /** To open the same folder again, as after a restart. */
  readonly dataDir?: string;
  /** What of the shared log is another one. */
  readonly log?: (log: LogPlace) => LogPlace;
}

/** Sweeps when a test asks, not by itself. */
const NEVER = { cron: '0 0 1 1 *' };

/** A whole service beside others on one PostgreSQL schema, with a clock that the test moves; the network is real. Stopped after the test. */
export async function startReplica(t: Teardown, server: TestPostgres, options: ReplicaOptions): Promise<Replica> {
  const { schema, clock, port = server.port, listens = true } = options;
  const settings = testSettings(options.dataDir ?? temporaryFolder(t), { sweep: NEVER, ...options.settings });
  const lines: string[] = [];
  const logger = createLogger(settings.log.level, { write: (line: string) => void lines.push(line) });
  const url = new Secret(server.url(port));
  const open = sharedFoundation(await openTestPostgres(t, server, { schema, clock, url, timers: systemTimers, timeout: 2_000 }));
  const { notices: _, ...deaf } = open;
  const { log } = open;
  const foundation = { ...(listens ? open : deaf), ...(log && options.log && { log: options.log(log) }) };
  const service = await composeService(settings, { clock, timers: clock, random: storeRandom, logger }, foundation);
  t.teardown(() => service.stop());
  await service.start();
  return {
    service,
    dataDir: settings.dataDir,
    log: () => lines.join(''),
    async call({ token, headers, ...call }) {
      const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
      const answer = await service.app.inject({ method: 'GET', ...call, headers: { ...authorization, ...headers } });
      const isJson = /json/.test(String(answer.headers['content-type']));
      const flat = Object.entries(answer.headers).map(([name, value]) => [name, value === undefined ? undefined : String(value)]);
      return {
        status: answer.statusCode,
        headers: Object.fromEntries(flat),
        text: answer.body,
        body: isJson ? answer.json() : null,
      };
    },
  };
}

/** The admin token of the first start, whichever replica made it. */
export function adminOf(replicas: readonly Replica[]): string {
  const made = replicas.map(({ service }) => service.firstToken?.text.reveal()).filter((text) => text !== undefined);
  if (made.length !== 1 || made[0] === undefined) throw new Error(`${made.length} replicas made an admin token`);
  return made[0];
}

/** Looks again until it holds. Fails after 10 s of real time: what is waited for should take milliseconds. */
export async function until(holds: () => Promise<boolean>): Promise<void> {
  const limit = AbortSignal.timeout(10_000);
  while (!(await holds())) {
    if (limit.aborted) throw new Error('it has not come to hold');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
