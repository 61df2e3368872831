import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions } from 'fastify';
import type { Settings } from '../../src/config/settings.ts';
import { DEFAULT_POLICY } from '../../src/core/policy.ts';
import { DAY } from '../../src/core/time.ts';
import type { Random } from '../../src/ports/random.ts';

export const random: Random = {
  bytes: (count) => randomBytes(count),
  description: { generator: 'node:crypto randomBytes', runtime: 'test', openssl: 'test' },
};

/** How far the clock moves on for what only time brings. */
export const LEAP = { slot: 33 * DAY, destroy: 70 * DAY, purge: 40 * DAY } as const;

export function crashSettings(dataDir: string, recipient: string | null): Settings {
  return {
    host: '127.0.0.1',
    port: 0,
    dataDir,
    store: { kind: 'sqlite' },
    masterKey: null,
    tls: null,
    trustProxy: false,
    log: { level: 'silent' },
    limits: { bodyBytes: 65_536, failedAuthPerMinute: 1_000, notFoundPerMinute: 1_000, maxWaitSeconds: 300 },
    metrics: { access: 'open' },
    audit: { onOutage: 'refuse', spoolMegabytes: 512 },
    docs: { enabled: false },
    strength: { wordlistFile: null },
    sweep: { cron: '0 0 1 1 *' },
    backup: { recipient },
    shutdown: { graceSeconds: 5 },
    defaults: DEFAULT_POLICY,
    keyrings: [],
    tokens: [],
  };
}

/** Calls with the admin token of the folder. */
export function caller(app: FastifyInstance, dataDir: string) {
  const authorization = `Bearer ${readFileSync(join(dataDir, 'admin.token'), 'utf8').trim()}`;
  return async (options: InjectOptions) => {
    const answer = await app.inject({ ...options, headers: { authorization } });
    const isJson = answer.body !== '' && /[/+]json/.test(String(answer.headers['content-type']));
    // biome-ignore lint/suspicious/noExplicitAny: answers are compared with literals, which is the check of their type
    return { status: answer.statusCode, body: (isJson ? answer.json() : null) as any };
  };
}
