import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { writeAdminToken } from '../access/admin-token-file.ts';
import { TokenAuthenticator } from '../access/token-authenticator.ts';
import { TokenTable } from '../access/token-table.ts';
import { Tokens } from '../access/tokens.ts';
import { Copies } from '../app/copies.ts';
import { declareKeyrings } from '../app/declared-keyrings.ts';
import { EarlyActivation } from '../app/early-activation.ts';
import type { FleetDeps } from '../app/fleet.ts';
import type { CreateDeps } from '../app/keyrings.ts';
import { KeyReader } from '../app/read-keys.ts';
import { type Readiness, readinessOf } from '../app/readiness.ts';
import { reuseOf } from '../app/reuse.ts';
import { type Pace, Sweep, type SweepOutcome } from '../app/sweep.ts';
import { Waiters } from '../app/waiters.ts';
import { stopwatch } from '../clock.ts';
import type { Settings } from '../config/settings.ts';
import type { Secret } from '../core/secret.ts';
import { type Instant, SECOND } from '../core/time.ts';
import { buildApp } from '../http/app.ts';
import type { HttpSettings } from '../http/deps.ts';
import { KeysAnswers } from '../http/keys-answer.ts';
import type { Recording } from '../http/recording/record.ts';
import { isSecure, readTls, TlsReloader } from '../http/tls.ts';
import { Metrics } from '../metrics/metrics.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { KeyJudge } from '../ports/judge.ts';
import type { Random } from '../ports/random.ts';
import { onDemand } from '../scheduler/on-demand.ts';
import { repeat } from '../scheduler/repeat.ts';
import { longestPause, Scheduler } from '../scheduler/scheduler.ts';
import { keyJudge } from '../strength/judge.ts';
import { builtInKeys } from '../strength/known-keys.ts';
import { readWordList } from '../strength/word-list.ts';
import { openAudit } from './audit.ts';
import { makeBackup } from './backup.ts';
import { embeddedLog } from './embedded-log.ts';
import { type Foundation, openFoundation } from './foundation.ts';
import { heardBy } from './heard-by.ts';
import { keepHouse } from './housekeeping.ts';
import { requireInPlace } from './in-place.ts';
import { logDeclared, logShortSkew, logSlowSweep, logSweep, logSweepFailure } from './log-lines.ts';
import { logWitness } from './log-witness.ts';
import { onceAMinute } from './once-a-minute.ts';

/** Bytes. */
const MEGABYTE = 1_048_576;

export interface Surroundings {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly logger: Logger;
}

/** The embedded store works on the thread that answers: some 600 rotations a second, and reads pass in between. */
const EMBEDDED: Pace = { atOnce: 1, rest: () => pause(1) };

/** Where the first admin token was written, and its text, to be shown once. */
export interface FirstToken {
  readonly path: string;
  readonly text: Secret;
}

export interface Service {
  readonly app: FastifyInstance;
  /** Null unless this start made the first admin token. */
  readonly firstToken: FirstToken | null;
  /** Proves the copies and the tokens true, as the service does every second. */
  validate(): Promise<void>;
  /** One sweep now, as the scheduler makes it. */
  sweep(): Promise<void>;
  readiness(): Readiness;
  /** Begins to sweep, to validate copies and to tidy up; listening is the caller's. */
  start(): Promise<void>;
  /** Lets held requests go, finishes what is under way, closes the store. */
  stop(): Promise<void>;
}

/**
 * The composition root: opens the store and puts the parts together. Nothing listens and nothing runs by itself until `start`.
 * @throws KeyturnError what keeps the service from starting, in words for an operator
 */
export async function openService(settings: Settings, surroundings: Surroundings): Promise<Service> {
  const foundation = await openFoundation(settings, surroundings);
  try {
    await requireInPlace(foundation.move);
    return await composeService(settings, surroundings, foundation);
  } catch (error) {
    await foundation.close();
    throw error;
  }
}

/** The service on a foundation that is open already; it closes it when it stops. */
export async function composeService(settings: Settings, surroundings: Surroundings, foundation: Foundation): Promise<Service> {
  const { clock, timers, random, logger } = surroundings;
  const { store } = foundation;
  const copies = new Copies({ store, feed: store, clock });
  const waiters = new Waiters(timers, settings.limits.heldRequests);
  const reader = new KeyReader({ store, clock, copies, waiters });
  copies.onChange((name) => {
    waiters.wake(name);
    reader.warm(name);
  });
  await copies.validate();

  const isFirstStart = (await store.page(null, 1)).items.length === 0;
  const place = foundation.log ?? embeddedLog(settings, { ...foundation, isFirstStart }, clock);
  const witness = place.shared
    ? logWitness({ dataDir: settings.dataDir, reader: place.reader, publicKey: foundation.auditKeys.publicKey, clock })
    : null;
  await witness?.compare();
  const { onOutage, spoolMegabytes } = settings.audit;
  const spool = { dataDir: settings.dataDir, mostBytes: spoolMegabytes * MEGABYTE };
  const audit = await openAudit({ place, keys: foundation.auditKeys, spool, ...surroundings });
  const { journal, refusals } = audit;
  const judge = await openJudge(settings, foundation, logger);
  const service: CreateDeps = { store, clock, random, copies, judge };
  const metrics = new Metrics();
  const swept = (outcome: SweepOutcome, changedAt: Instant | null = null): void => {
    metrics.swept(outcome);
    audit.noteSweep(outcome, changedAt);
    logSweep(logger, outcome);
  };
  const sweep = new Sweep({ ...service, dueIndex: store, ...(store.kind === 'sqlite' && { pace: EMBEDDED }) }, swept);
  // One process owns the embedded store, and so is the only one that grants leases on it. Replicas of another store have a registry each.
  const fleet: FleetDeps = { registry: audit.leases.registry, reach: store.kind === 'sqlite' ? 'own' : 'none' };
  const early = new EarlyActivation({ ...service, ...fleet, nextTurn }, swept);
  const sweepFailed = onceAMinute(clock, (error) => logSweepFailure(logger, error));
  const scheduler = new Scheduler({
    cron: settings.sweep.cron,
    clock,
    async run() {
      await audit.requireWritable();
      await sweep.run();
      await early.run();
    },
    ran: (took, error) => {
      metrics.sweepTook(took / SECOND, error === null ? 'ok' : 'failed');
      if (error === null) logSlowSweep(logger, took);
      else sweepFailed(error);
    },
  });

  const { authenticator, tokens, firstToken } = await openAccess(settings, foundation.tokens, surroundings);
  const validate = onDemand(async () => {
    await copies.validate();
    await authenticator.catchUp();
  });
  const sweepPause = longestPause(settings.sweep.cron, clock.now());
  const auditState = () => {
    const { recordsReads, ...figures } = audit.figures();
    return { ...figures, serves: recordsReads || onOutage === 'serve-reads' };
  };
  const lastSweep = () => scheduler.lastSweep;
  const readiness = (): Readiness =>
    readinessOf({ clock, copies, waiters, sweep, sweepPause, storeKind: store.kind, lastSweep, audit: auditState });
  metrics.observe({
    overdue: () => readiness().overdue.length,
    failing: () => sweep.failing().length,
    waiting: () => waiters.count,
    notHeld: () => waiters.turnedAway,
    connections: () => connectionsOf(app),
    storeSilence: () => readiness().checks.store.silentSeconds,
    ready: () => readiness().status !== 'not ready',
    audit: () => audit.figures(),
  });
  const http = httpSettings(settings);
  const backup = () =>
    makeBackup({ snapshots: foundation.snapshots, recipient: settings.backup.recipient, dataDir: settings.dataDir, clock, random });
  const heard = heardBy(journal, (grant) => early.heard(grant));
  const recording: Recording = { journal: heard, clock, refusals, onOutage };
  const { log, retention } = audit;
  const parts = { service, reader, fleet, waiters, authenticator, tokens, readiness, metrics, backup, audit: log, retention };
  const app = await buildApp({ ...parts, answers: new KeysAnswers(), recording, stopwatch, settings: http, logger });
  logShortSkew(logger, store.kind, settings);
  logDeclared(logger, await declareKeyrings(service, settings.keyrings));
  await audit.recordForgotten(store);

  const tls = settings.tls !== null && isSecure(app.server) ? new TlsReloader(settings.tls, app.server) : null;
  let stopped = false;
  let endHousekeeping = async (): Promise<void> => undefined;
  let started = false;
  return {
    app,
    firstToken,
    readiness,
    validate,
    sweep: () => scheduler.wake(),
    async start() {
      const { notices } = foundation;
      endHousekeeping = keepHouse({
        store,
        validate,
        notices,
        authenticator,
        audit,
        witness,
        leases: audit.leases,
        tls,
        clock,
        timers,
        logger,
      });
      audit.note('service.start', null);
      started = true;
      await scheduler.start();
    },
    async stop() {
      if (stopped) return;
      stopped = true;
      waiters.drain();
      try {
        await closeAll(app, timers);
        if (started) audit.note('service.stop', null);
        await scheduler.stop();
        await endHousekeeping();
        // When a token was last used is worth a try, not a failure to stop.
        await authenticator.flushUses().catch(() => undefined);
        if (started) await witness?.look().catch(() => undefined);
      } finally {
        await audit.close().finally(() => foundation.close());
      }
    },
  };
}

function connectionsOf({ server }: FastifyInstance): Promise<number> {
  return new Promise((resolve) => server.getConnections((_error, count) => resolve(count ?? 0)));
}

/** A connection whose answer leaves after the close has begun would be kept alive by its client, and waited for. */
async function closeAll(app: FastifyInstance, timers: Timers): Promise<void> {
  const end = repeat(
    timers,
    SECOND / 20,
    async () => app.server.closeIdleConnections(),
    () => undefined,
  );
  await app.close();
  await end();
}

async function openJudge({ strength: { wordlistFile } }: Settings, { store, fingerprints }: Foundation, logger: Logger): Promise<KeyJudge> {
  const listed = wordlistFile === null ? [] : [await readWordList(wordlistFile)];
  for (const { size } of listed) logger.info({ size }, 'word list read');
  return keyJudge({
    known: [builtInKeys(), ...listed],
    reuseOf: fingerprints && ((key) => reuseOf({ store, fingerprints }, key)),
  });
}

async function openAccess(settings: Settings, store: Foundation['tokens'], { clock, random }: Surroundings) {
  const table = new TokenTable(settings.tokens, clock.now());
  const authenticator = new TokenAuthenticator({ table, store, clock });
  await authenticator.reload();
  const tokens = new Tokens({ store, table, clock, random, learn: (record) => authenticator.learn(record) });
  let path = '';
  const issued = await tokens.bootstrapAdmin(async (text) => {
    path = await writeAdminToken(settings.dataDir, text);
  });
  const firstToken: FirstToken | null = issued === null ? null : { path, text: issued.text };
  return { authenticator, tokens, firstToken };
}

function httpSettings({ trustProxy, limits, metrics, docs, defaults, tls }: Settings): HttpSettings {
  return {
    trustProxy,
    ...limits,
    metricsAccess: metrics.access,
    docs: docs.enabled,
    policyDefaults: defaults,
    tls: tls === null ? null : readTls(tls),
  };
}
