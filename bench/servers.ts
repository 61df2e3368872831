import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fastify from 'fastify';
import { systemClock, systemTimers } from '../src/clock.ts';
import { openService } from '../src/compose/service.ts';
import { readFromDisk } from '../src/config/files.ts';
import { loadConfig } from '../src/config/load.ts';
import { createLogger } from '../src/logger.ts';
import { systemRandom } from '../src/random.ts';
import { startPostgres } from '../test/support/postgres.ts';

export interface Running {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  sweep(): Promise<void>;
  jump(millis: number): Promise<void>;
}

/** The real service, composed as `keyturn serve` composes it, but for a clock that can be set forward. */
export async function serveKeyturn(dataDir: string, store: 'sqlite' | 'postgres'): Promise<Running> {
  let ahead = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + ahead };
  const env = { KEYTURN_DATA_DIR: dataDir, KEYTURN_LOG_LEVEL: 'error', ...(store === 'postgres' && (await onPostgres())) };
  const settings = loadConfig({ env, cwd: dataDir, read: readFromDisk }, clock.now());
  const service = await openService(settings, { clock, timers: systemTimers, random: systemRandom, logger: createLogger('error') });
  await service.start();
  const url = await service.app.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 });
  const token = service.firstToken?.text.reveal() ?? readFileSync(join(dataDir, 'admin.token'), 'utf8').trim();
  return {
    url,
    headers: { authorization: `Bearer ${token}` },
    sweep: () => service.sweep(),
    async jump(millis) {
      ahead += millis;
      await service.validate();
    },
  };
}

/** A server that syncs every commit. */
async function onPostgres() {
  const ends: (() => unknown)[] = [];
  const server = await startPostgres({ teardown: (end) => ends.unshift(end) }, { durable: true });
  process.once('exit', () => ends.map((end) => end()));
  return { KEYTURN_STORE: 'postgres', KEYTURN_POSTGRES_URL: server.url(), KEYTURN_MASTER_KEY: '5a'.repeat(32) };
}

/** What Fastify alone does with the same bytes: the measure of what Keyturn adds. */
export async function serveBare(body: string): Promise<Running> {
  const app = fastify();
  const etag = '"bare"';
  app.get('/v1/keyrings/:name/keys', (request, reply) => {
    reply.header('etag', etag);
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    return reply.type('application/json; charset=utf-8').send(body);
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  const nothing = async (): Promise<void> => undefined;
  return { url, headers: {}, sweep: nothing, jump: nothing };
}
