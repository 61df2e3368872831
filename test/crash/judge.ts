import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemTimers } from '../../src/clock.ts';
import { openService } from '../../src/compose/service.ts';
import { createLogger } from '../../src/logger.ts';
import { storeRandom as random } from '../support/sqlite.ts';
import { caller, crashSettings } from './support.ts';

/** A change that the child heard an answer to before it died. */
export interface Answered {
  readonly operation: string;
  readonly keyring?: string;
  /** Stands in the audit record of the change, and nowhere else. */
  readonly reason?: string;
  readonly version?: number | null;
}

/** What is known of a data folder from answers and earlier looks: nothing of it may ever be undone. */
export class Memory {
  readonly answered: Answered[] = [];
  /** Keys by keyring and version, as they were served. */
  readonly keys = new Map<string, string>();
  /** Versions that the history had. */
  readonly versions = new Set<string>();
  records = 0;
}

interface Served {
  readonly version: number;
  readonly key: string;
}

interface HistoryItem {
  readonly version: number;
  readonly role: string;
  readonly slot: string | null;
  readonly verifyUntil: string | null;
  readonly revoked: { readonly at: string } | null;
  readonly destroyedAt: string | null;
}

interface AuditItem {
  readonly action: string;
  readonly keyring: string | null;
  readonly reason: string | null;
}

/** Starts the service on a folder whose last process was killed, as the next start would, and says what is not as promised. */
export async function judge(dataDir: string, offset: number, memory: Memory): Promise<string[]> {
  const clock = { now: () => Date.now() + offset, uptime: () => Math.floor(performance.now()) };
  const surroundings = { clock, timers: systemTimers, random, logger: createLogger('silent') };
  const service = await openService(crashSettings(dataDir, null), surroundings);
  const wrong: string[] = [];
  try {
    await service.start();
    const sweptAt = clock.now();
    await service.sweep();
    const call = caller(service.app, dataDir);
    const get = async (url: string) => {
      const { status, body } = await call({ url });
      if (status !== 200) wrong.push(`${url} answers ${status}`);
      return body;
    };
    const log: AuditItem[] = [];
    for (let after = ''; ; ) {
      const page = await get(`/v1/audit?order=oldest&limit=1000${after}`);
      log.push(...page.items);
      if (page.next === null) break;
      after = `&after=${page.next}`;
    }
    wrong.push(...checkLog(log, memory));
    for (const name of await names(get)) {
      const history: HistoryItem[] = (await get(`/v1/keyrings/${name}/history?limit=500`)).items;
      const keys = await call({ url: `/v1/keyrings/${name}/keys` });
      wrong.push(...checkHistory(name, history, memory, sweptAt));
      if (keys.status === 200) wrong.push(...checkServed(name, keys.body, history, memory));
      else if (history.some(({ role }) => role === 'current') && keys.body?.code !== 'keyring_deleted' && keys.status !== 404)
        wrong.push(`the keys of ${name} answer ${keys.status} ${keys.body?.code}`);
    }
    for (const { keyring } of memory.answered)
      if (keyring !== undefined && !(await exists(call, keyring))) wrong.push(`${keyring} was answered and is gone`);
    const { body: verdict } = await call({ method: 'POST', url: '/v1/audit/verify', payload: {} });
    if (verdict.intact !== true) wrong.push(`the chain does not verify: ${JSON.stringify(verdict.findings ?? verdict)}`);
    if (verdict.to < memory.records) wrong.push('the log is shorter than before');
    memory.records = verdict.to;
  } finally {
    await service.stop();
  }
  return [...wrong, ...checkFiles(dataDir)];
}

async function names(get: (url: string) => Promise<{ items: { name: string }[]; next: string | null }>): Promise<string[]> {
  return (await get('/v1/keyrings?limit=200')).items.map(({ name }) => name);
}

async function exists(call: ReturnType<typeof caller>, name: string): Promise<boolean> {
  return (await call({ url: `/v1/keyrings/${name}/history` })).status === 200;
}

function checkLog(log: readonly AuditItem[], { answered }: Memory): string[] {
  const reasons = new Set(log.map(({ reason }) => reason));
  return answered
    .filter(({ reason }) => reason !== undefined && !reasons.has(reason))
    .map(({ reason }) => `"${reason}" was answered and is not in the log`);
}

function checkHistory(name: string, history: readonly HistoryItem[], memory: Memory, sweptAt: number): string[] {
  const wrong: string[] = [];
  const present = new Set(history.map(({ version }) => version));
  if (present.size !== history.length) wrong.push(`${name} has a version twice`);
  for (const known of memory.versions) {
    const [keyring, version] = known.split('/');
    if (keyring === name && !present.has(Number(version))) wrong.push(`${known} was there and is lost`);
  }
  for (const { keyring, version } of memory.answered)
    if (keyring === name && typeof version === 'number' && !present.has(version)) wrong.push(`${name}/${version} was answered and is lost`);
  const slots = history.flatMap(({ slot }) => slot ?? []);
  if (new Set(slots).size !== slots.length) wrong.push(`${name} filled a slot twice`);
  for (const item of history) {
    memory.versions.add(`${name}/${item.version}`);
    if (endOf(item) < sweptAt && item.destroyedAt === null) wrong.push(`${name}/${item.version} is ${item.role} and not destroyed`);
  }
  return wrong;
}

/** What ended before a sweep is destroyed by it. */
function endOf({ role, verifyUntil, revoked }: HistoryItem): number {
  if (role !== 'revoked' && role !== 'retired') return Number.POSITIVE_INFINITY;
  return Date.parse(revoked?.at ?? verifyUntil ?? '');
}

function checkServed(
  name: string,
  keys: { current: Served; previous: Served[]; next: Served | null },
  history: readonly HistoryItem[],
  memory: Memory,
): string[] {
  const wrong: string[] = [];
  const live = new Set(history.filter(({ role }) => role !== 'revoked' && role !== 'retired').map(({ version }) => version));
  for (const { version, key } of [keys.current, ...keys.previous, ...(keys.next === null ? [] : [keys.next])]) {
    const id = `${name}/${version}`;
    if (!live.has(version)) wrong.push(`${id} is served and not committed`);
    if ((memory.keys.get(id) ?? key) !== key) wrong.push(`${id} is another key than before`);
    memory.keys.set(id, key);
    live.delete(version);
  }
  for (const version of live) wrong.push(`${name}/${version} is live and not served`);
  return wrong;
}

/** What the API does not show: leftovers, orphans, bytes that should be gone, changes without a record. */
function checkFiles(dataDir: string): string[] {
  const wrong = readdirSync(dataDir)
    .filter((name) => name.startsWith('.snapshot-'))
    .map((name) => `${name} is left`);
  const store = new DatabaseSync(join(dataDir, 'keyturn.db'), { readOnly: true });
  const audit = new DatabaseSync(join(dataDir, 'audit.db'), { readOnly: true });
  try {
    const recorded = new Map(
      audit
        .prepare('SELECT keyring, changed_at FROM changes')
        .all()
        .map((row) => [row.keyring, Number(row.changed_at)]),
    );
    const live = new Set<string>();
    for (const { name, document } of store.prepare('SELECT name, document FROM keyrings').all()) {
      const { changed, versions } = JSON.parse(String(document)) as {
        changed: { at: string | number };
        versions: { version: number; nonce: string; destroyedAt: unknown }[];
      };
      const at = typeof changed.at === 'number' ? changed.at : Date.parse(changed.at);
      if ((recorded.get(String(name)) ?? 0) < at) wrong.push(`the last change of ${name} has no record`);
      for (const { version, nonce, destroyedAt } of versions) if (destroyedAt === null) live.add(`${name}/${version}/${nonce}`);
    }
    const held = store.prepare('SELECT keyring, version, nonce FROM material WHERE destroyed_at IS NULL').all();
    const present = new Set(held.map(({ keyring, version, nonce }) => `${keyring}/${version}/${nonce}`));
    for (const id of present) if (!live.has(id)) wrong.push(`the material ${id} belongs to nothing`);
    for (const id of live) if (!present.has(id)) wrong.push(`the material ${id} is missing`);
    const kept =
      'SELECT count(*) AS n FROM material JOIN sealed USING (id) WHERE destroyed_at IS NOT NULL AND bytes <> zeroblob(length(bytes))';
    if (Number(store.prepare(kept).get()?.n) > 0) wrong.push('destroyed material still has its bytes');
    const begun = store.prepare("SELECT value FROM meta WHERE name IN ('rekey_to', 'restoring')").all();
    if (begun.length > 0) wrong.push('a change of the master key or a restore is still under way');
  } finally {
    store.close();
    audit.close();
  }
  return wrong;
}
