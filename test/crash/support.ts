import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FastifyInstance, InjectOptions } from 'fastify';
import type { Settings } from '../../src/config/settings.ts';
import { Secret } from '../../src/core/secret.ts';
import { DAY } from '../../src/core/time.ts';
import { MASTER_KEY } from '../support/postgres-store.ts';
import { testSettings } from '../support/service.ts';

/** How far the clock moves on for what only time brings. */
export const LEAP = { slot: 33 * DAY, destroy: 70 * DAY, purge: 40 * DAY } as const;

/** It sweeps when it is asked to. @param recipient of backups */
export function crashSettings(dataDir: string, recipient: string | null): Settings {
  return testSettings(dataDir, { log: { level: 'silent' }, docs: { enabled: false }, sweep: { cron: '0 0 1 1 *' }, backup: { recipient } });
}

/** A store that a move comes from or goes to: a data folder, or a schema of PostgreSQL. As JSON it goes to the child. */
export interface Place {
  readonly dataDir: string;
  readonly postgres: { readonly url: string; readonly schema: string } | null;
}

export function settingsOf({ dataDir, postgres }: Place): Settings {
  const settings = crashSettings(dataDir, null);
  if (postgres === null) return settings;
  const store = { kind: 'postgres', url: new Secret(postgres.url), schema: postgres.schema, poolSize: 4, caFile: null } as const;
  return { ...settings, store, masterKey: MASTER_KEY };
}

/** Calls with the admin token of the folder. */
export function caller(app: FastifyInstance, dataDir: string) {
  const authorization = `Bearer ${readFileSync(join(dataDir, 'admin.token'), 'utf8').trim()}`;
  return async (options: InjectOptions) => {
    const answer = await app.inject({ ...options, headers: { authorization } });
    const isJson = answer.body !== '' && /[/+]json/.test(String(answer.headers['content-type']));
    // biome-ignore lint/suspicious/noExplicitAny: answers are compared with literals, which is the check of their type
    return { status: answer.statusCode, headers: answer.headers, body: (isJson ? answer.json() : null) as any };
  };
}
