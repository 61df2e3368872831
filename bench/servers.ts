import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fastify from 'fastify';
import { systemClock, systemTimers } from '../src/clock.ts';
import { composeService, openService } from '../src/compose/service.ts';
import { readFromDisk } from '../src/config/files.ts';
import { loadConfig } from '../src/config/load.ts';
import { createLogger } from '../src/logger.ts';
import { systemRandom } from '../src/random.ts';
import { openSqlite } from '../src/stores/sqlite/sqlite.ts';
import { startPostgres } from '../test/support/postgres.ts';

/** What the load needs to know of a server. */
export interface Served {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The ETag of the answer: sent back, it makes the answer a 304. */
  readonly etag: string;
  readonly body: string;
}

/** Which thread commits the audit log; `postgres`: a server of its own does, that syncs every commit. */
export type Ledger = 'thread' | 'inline' | 'postgres';

/** The real service with one keyring, whose read path is measured. */
export async function serveKeyturn(ledger: Ledger): Promise<Served> {
  const dataDir = mkdtempSync(join(tmpdir(), 'keyturn-bench-'));
  process.once('exit', () => rmSync(dataDir, { recursive: true, force: true }));
  const env = { KEYTURN_DATA_DIR: dataDir, KEYTURN_LOG_LEVEL: 'warn', ...(ledger === 'postgres' && (await onPostgres())) };
  const settings = loadConfig({ env, cwd: dataDir, read: readFromDisk }, systemClock.now());
  const logger = createLogger(settings.log.level);
  const surroundings = { clock: systemClock, timers: systemTimers, random: systemRandom, logger };
  const service =
    ledger !== 'inline'
      ? await openService(settings, surroundings)
      : await composeService(
          settings,
          surroundings,
          openSqlite({ dataDir, masterKey: { from: 'data-folder' }, clock: systemClock, random: systemRandom }),
        );
  await service.start();
  const url = await service.app.listen({ host: '127.0.0.1', port: 0 });
  const headers = { authorization: `Bearer ${service.firstToken?.text.reveal()}`, 'keyturn-instance': 'bench-1' };
  const create = { method: 'POST', url: '/v1/keyrings', headers, payload: { name: 'web' } } as const;
  await service.app.inject(create);
  await service.app.inject({ method: 'POST', url: '/v1/keyrings/web/rotate', headers, payload: { reason: 'bench' } });
  const answer = await service.app.inject({ url: '/v1/keyrings/web/keys', headers });
  return { url: `${url}/v1/keyrings/web/keys`, headers, etag: String(answer.headers.etag), body: answer.body };
}

async function onPostgres() {
  const ends: (() => unknown)[] = [];
  const server = await startPostgres({ teardown: (end) => ends.unshift(end) }, { durable: true });
  process.once('exit', () => ends.map((end) => end()));
  return { KEYTURN_STORE: 'postgres', KEYTURN_POSTGRES_URL: server.url(), KEYTURN_MASTER_KEY: '5a'.repeat(32) };
}

/** What Fastify alone does with the same bytes: the measure of what Keyturn adds. */
export async function serveBare(body: string): Promise<Served> {
  const app = fastify();
  const etag = '"bare"';
  app.get('/v1/keyrings/:name/keys', (request, reply) => {
    reply.header('etag', etag);
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(body);
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return { url: `${url}/v1/keyrings/web/keys`, headers: {}, etag, body };
}
