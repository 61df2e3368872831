import { randomBytes } from 'node:crypto';
import type { FastifyInstance, InjectOptions } from 'fastify';
import { composeService, type Service } from '../../src/compose/service.ts';
import type { Settings } from '../../src/config/settings.ts';
import { DEFAULT_POLICY } from '../../src/core/policy.ts';
import type { Instant, Millis } from '../../src/core/time.ts';
import { createLogger } from '../../src/logger.ts';
import type { Role } from '../../src/ports/authenticator.ts';
import type { TokenStore } from '../../src/ports/tokens.ts';
import { prepareLeases } from '../../src/stores/sqlite/audit/leases.ts';
import { auditPath } from '../../src/stores/sqlite/audit/schema.ts';
import { inlineLedger } from '../../src/stores/sqlite/audit/threads.ts';
import { ManualClock } from './clock.ts';
import { type FaultyLedger, faultyLedger } from './faulty-ledger.ts';
import { type FaultyStore, faulty } from './faulty-store.ts';
import { openTestSqlite, storeRandom, temporaryFolder } from './sqlite.ts';

/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

export interface TestService {
  readonly service: Service;
  readonly app: FastifyInstance;
  readonly clock: ManualClock;
  /** The store under the service, with switches for faults. */
  readonly store: FaultyStore;
  /** The store of tokens under the service. */
  readonly tokens: TokenStore;
  /** The audit log's disk, with switches for faults. */
  readonly ledger: FaultyLedger;
  readonly settings: Settings;
  /** Everything logged so far, as text. */
  log(): string;
  /** The admin token of the first start: all four roles on all keyrings. */
  readonly admin: string;
  /** A new token with these roles. */
  token(roles: readonly Role[], keyrings?: readonly string[]): Promise<string>;
  /** A call of the API; `token` defaults to the admin's, null sends none. */
  call(options: InjectOptions & { readonly token?: string | null }): Promise<Called>;
  /** Lets time pass as it does in service: copies are validated and what is due is swept at the end. */
  pass(time: Millis): Promise<void>;
}

export interface Called {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: answers are compared with literals, which is the check of their type
  readonly body: any;
}

export const START: Instant = Date.parse('2026-03-01T12:00:00.000Z');

export function testSettings(dataDir: string, changes: Partial<Settings> = {}): Settings {
  return {
    host: '127.0.0.1',
    port: 0,
    dataDir,
    store: { kind: 'sqlite' },
    masterKey: null,
    tls: null,
    trustProxy: false,
    log: { level: 'debug' },
    limits: {
      bodyBytes: 65_536,
      failedAuthPerMinute: 1_000,
      notFoundPerMinute: 1_000,
      maxWaitSeconds: 300,
      unknownNamesPerMinute: 1_000,
      heldRequests: 1_000,
      connections: 1_000,
    },
    metrics: { access: 'open' },
    audit: { onOutage: 'refuse', spoolMegabytes: 512 },
    docs: { enabled: true },
    strength: { wordlistFile: null },
    sweep: { cron: '* * * * * *' },
    backup: { recipient: null },
    shutdown: { graceSeconds: 5 },
    defaults: DEFAULT_POLICY,
    keyrings: [],
    tokens: [],
    ...changes,
  };
}

export interface TestServiceOptions {
  readonly settings?: Partial<Settings>;
  /** To open the same data again, as after a restart. */
  readonly dataDir?: string;
  readonly clock?: ManualClock;
}

/** The whole service on a data folder of its own, with a clock that the test moves; it listens nowhere. Stopped after the test. */
export async function startTestService(t: Teardown, options: TestServiceOptions = {}): Promise<TestService> {
  const dataDir = options.dataDir ?? temporaryFolder(t);
  const settings = testSettings(dataDir, options.settings);
  const clock = options.clock ?? new ManualClock(START);
  const lines: string[] = [];
  const logger = createLogger(settings.log.level, { write: (line: string) => void lines.push(line) });
  const sqlite = openTestSqlite(t, { dataDir, clock, random: storeRandom });
  const store = faulty(sqlite.store);
  const ledger = faultyLedger(inlineLedger(auditPath(dataDir), sqlite.auditKeys, prepareLeases));
  const service = await composeService(settings, { clock, timers: clock, random: storeRandom, logger }, { ...sqlite, store, ledger });
  t.teardown(() => service.stop());
  const { app } = service;
  const admin = service.firstToken?.text.reveal() ?? '';
  const call = async ({ token = admin, headers, ...rest }: InjectOptions & { token?: string | null }): Promise<Called> => {
    const authorization = token === null ? {} : { authorization: `Bearer ${token}` };
    const answer = await app.inject({ method: 'GET', ...rest, headers: { ...authorization, ...headers } });
    const isJson = answer.body !== '' && /[/+]json/.test(String(answer.headers['content-type']));
    return { status: answer.statusCode, headers: flat(answer.headers), text: answer.body, body: isJson ? answer.json() : null };
  };
  return {
    service,
    app,
    clock,
    store,
    tokens: sqlite.tokens,
    ledger,
    settings,
    log: () => lines.join(''),
    admin,
    call,
    token: async (roles, keyrings = ['*']) => {
      const name = `test ${randomBytes(4).toString('hex')}`;
      return (await call({ method: 'POST', url: '/v1/tokens', payload: { name, roles, keyrings } })).body.token;
    },
    pass: async (time) => {
      await clock.advance(time);
      await service.validate().catch(() => undefined);
      await service.sweep();
    },
  };
}

function flat(headers: Record<string, unknown>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, value === undefined ? undefined : String(value)]));
}
