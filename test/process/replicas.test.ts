import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import t from 'tap';
import { noPostgres, startPostgres } from '../support/postgres.ts';
import { temporaryFolder } from '../support/sqlite.ts';
import { type Running, start } from './keyturn.ts';

/** A slot every three seconds: as fast as a policy takes. */
const POLICY = {
  schedule: { cron: '*/3 * * * * *', timeZone: 'UTC' },
  leaseSeconds: 2,
  refreshSeconds: 1,
  tokenLifetimeSeconds: 1,
  skewSeconds: 0,
};
const KILLS = 3;

interface Item {
  readonly version: number;
  readonly slot: string | null;
}

interface Page {
  readonly items: readonly Item[];
  readonly next: string | null;
}

t.test('replicas that are killed in the middle of rotations fill each slot once', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const env = {
    KEYTURN_STORE: 'postgres',
    KEYTURN_POSTGRES_URL: server.url(),
    KEYTURN_MASTER_KEY: '5a'.repeat(32),
    KEYTURN_LOG_LEVEL: 'warn',
  };
  const replica = () => start(t, { cwd: temporaryFolder(t), env });
  let victim: Running = replica();
  const url = await victim.url;
  const token = /keyturn_[0-9A-Za-z_]+/.exec(victim.stderr())?.[0] ?? '';
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const created = await fetch(`${url}/v1/keyrings`, { method: 'POST', headers, body: JSON.stringify({ name: 'web', policy: POLICY }) });
  t.equal(created.status, 201);
  const survivor = await replica().url;

  for (let kill = 0; kill < KILLS; kill++) {
    await pause(1_000 + kill * 333);
    victim.kill('SIGKILL');
    t.equal((await victim.ended).signal, 'SIGKILL');
    victim = replica();
    await victim.url;
  }
  const history = async (): Promise<Item[]> => {
    const items: Item[] = [];
    for (let path = '/v1/keyrings/web/history'; path !== ''; ) {
      const page: Page = JSON.parse(await (await fetch(`${survivor}${path}`, { headers })).text());
      items.push(...page.items);
      path = page.next === null ? '' : `/v1/keyrings/web/history?after=${encodeURIComponent(page.next)}`;
    }
    return items;
  };
  const slotsIn = (items: readonly Item[]) => items.map(({ slot }) => slot).filter((slot) => slot !== null);
  let items = await history();
  // a busy machine fills fewer of them in the time that the kills take
  for (const end = Date.now() + 20_000; slotsIn(items).length < KILLS && Date.now() < end; items = await history()) await pause(500);
  const slots = slotsIn(items);
  t.ok(slots.length >= KILLS, `${slots.length} slots were filled`);
  t.equal(new Set(slots).size, slots.length, 'each once');
  t.same(
    items.map(({ version }) => version).sort((a, b) => a - b),
    items.map((_, index) => index + 1),
    'no version is missing or double',
  );
  t.equal((await fetch(`${survivor}/v1/keyrings/web/keys`, { headers })).status, 200);
  const verdict = await (await fetch(`${survivor}/v1/audit/verify`, { method: 'POST', headers, body: '{}' })).json();
  t.match(verdict, { intact: true, from: 1 }, 'and the audit log of all of them is whole');
});

t.test('a start that fails ends, also where its spool cannot be written', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  const cwd = temporaryFolder(t);
  writeFileSync(join(cwd, 'file'), '');
  const env = {
    KEYTURN_STORE: 'postgres',
    KEYTURN_POSTGRES_URL: server.url(),
    KEYTURN_MASTER_KEY: '5a'.repeat(32),
    KEYTURN_DATA_DIR: join(cwd, 'file', 'data'),
  };
  const ended = await Promise.race([start(t, { cwd, env }).ended, pause(20_000, 'still there', { ref: false })]);
  t.match(ended, { code: 1, stderr: /keyturn: .*file/ });
});
