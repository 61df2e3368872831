import { readdirSync } from 'node:fs';
import pg from 'pg';
import t, { type Test } from 'tap';
import { MINUTE, SECOND } from '../../../src/core/time.ts';
import { spoolFolder } from '../../../src/stores/sqlite/audit/spools.ts';
import { ManualClock } from '../../support/clock.ts';
import { noPostgres, startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { freshSchema } from '../../support/postgres-store.ts';
import { adminOf, startReplica, until } from '../../support/replicas.ts';
import { START } from '../../support/service.ts';
import { noSmallDisk, smallDisk } from '../../support/small-disk.ts';

const HOURLY = { cron: '0 * * * *', timeZone: 'UTC' };
const POLICY = { schedule: HOURLY, leaseSeconds: 600, refreshSeconds: 30, tokenLifetimeSeconds: 3_600, skewSeconds: 5 };
/** Rotations that a keyring takes at once, and a few less. */
const MOST_ROTATIONS = 50;

interface Item {
  readonly instance: string | null;
  readonly reason: string | null;
  readonly slot: string | null;
  readonly created: { readonly reason: string };
}

/** A replica with the keyring `web`, two minutes before its slot, and what it was asked and answered. */
async function replica(t: Test, server: TestPostgres) {
  const clock = new ManualClock(START + 58 * MINUTE);
  const it = await startReplica(t, server, { schema: freshSchema(), clock });
  const token = adminOf([it]);
  const post = (url: string, payload: object) => it.call({ method: 'POST', url, token, payload });
  const get = async (url: string) => (await it.call({ url, token })).body;
  t.equal((await post('/v1/keyrings', { name: 'web', policy: POLICY })).status, 201);
  /** What was answered with keys, and with success. */
  const [served, rotated]: [string[], string[]] = [[], []];

  async function read(): Promise<void> {
    const instance = `web-${served.length + 1}`;
    const answer = await it.call({ url: '/v1/keyrings/web/keys', token, headers: { 'keyturn-instance': instance } });
    t.equal(answer.status, 200, `${instance} is served`);
    served.push(instance);
  }
  async function rotate(kind = 'immediate') {
    const reason = `rotation ${rotated.length + 1}`;
    const answer = await post('/v1/keyrings/web/rotate', { kind, reason });
    if (answer.status === 200) rotated.push(reason);
    return answer;
  }
  const slots = async (): Promise<string[]> =>
    (await get('/v1/keyrings/web/history?limit=100')).items.flatMap(({ slot }: Item) => slot ?? []);
  /** Lets seconds pass, in which what they start comes to its end. */
  async function pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      await clock.advance(SECOND);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
  }
  /** There is room again, or a server: it recovers by itself, takes the slot once, and every answer is in the log once. */
  async function recovers(): Promise<void> {
    await until(async () => {
      await clock.advance(SECOND);
      const { status, checks } = await get('/readyz');
      return status === 'ready' && checks.audit.spooled === 0;
    });
    for (const _ of [1, 2]) await it.service.sweep();
    t.same(await slots(), ['2026-03-01T13:00:00.000Z'], 'the slot that was missed, once');
    t.equal((await post('/v1/keyrings', { name: 'more' })).status, 201);
    await read();
    const { items: history } = await get('/v1/keyrings/web/history?limit=100');
    const made = history.map(({ created }: Item) => created.reason).filter((reason: string) => reason.startsWith('rotation'));
    t.same(made.sort(), rotated.toSorted(), 'every rotation that was confirmed, and no other');
    const { items: reads } = await get('/v1/audit?action=keys.read&order=oldest&limit=500');
    t.same(
      reads.map(({ instance }: Item) => instance),
      served,
      'every read that was answered, once and in order',
    );
    const { items: rotations } = await get('/v1/audit?action=keyring.rotate&outcome=done&order=oldest&limit=500');
    t.same(
      rotations.map(({ reason }: Item) => reason),
      rotated,
      'and every rotation',
    );
    t.match((await post('/v1/audit/verify', {})).body, { intact: true });
    t.notMatch(it.log(), /was altered/);
  }
  return { ...it, clock, read, rotate, get, slots, pass, recovers, post, folders: () => readdirSync(spoolFolder(it.dataDir)) };
}

const skip = noPostgres || noSmallDisk();

t.test(
  'a PostgreSQL without room for rows: changes are refused whole, reads recorded here; with room again all goes on',
  { skip },
  async (t) => {
    const disk = smallDisk(t);
    const server = await startPostgres(t);
    server.giveFolder(disk.path);
    const owner = new pg.Client(server.url());
    await owner.connect();
    await owner.query(`CREATE TABLESPACE small LOCATION '${disk.path}'`);
    await owner.query('ALTER DATABASE postgres SET default_tablespace = small');
    await owner.end();
    const it = await replica(t, server);
    await it.read();
    disk.fill();
    let refused = await it.rotate();
    for (let count = 0; count < MOST_ROTATIONS && refused.status === 200; count++) refused = await it.rotate();
    t.match(refused, { status: 507, body: { code: 'store_full' } }, 'pages that have room still took some');
    t.match(await it.post('/v1/keyrings', { name: 'more' }), { body: { code: /^(store_full|audit_unavailable)$/ } });

    await until(async () => {
      await it.read();
      return (await it.get('/readyz')).checks.audit.status === 'failing';
    });
    for (let second = 0; second < 5; second++) {
      await it.pass(1);
      await it.read();
      t.match(await it.get('/readyz'), {
        status: 'degraded',
        checks: { store: { status: 'ok' }, audit: { status: 'failing', spool: 'ok', spooled: 2 + 2 * second } },
      });
      t.match(await it.rotate(), { status: 503, body: { code: 'audit_unavailable' }, headers: { 'retry-after': '1' } });
    }
    t.notMatch(it.log(), /audit log is written again/, 'room in the page of the head is none for records');
    t.equal(it.folders().length, 1);
    await it.clock.advance(5 * MINUTE);
    await it.service.sweep();
    t.same(await it.slots(), []);
    t.match(it.log(), /sweep failed/);

    disk.release();
    await it.recovers();
  },
);

t.test(
  'a PostgreSQL that dies because its WAL is full: the same, and it is named; a start with room ends it, without one of the service',
  { skip },
  async (t) => {
    const disk = smallDisk(t, '12m');
    const server = await startPostgres(t, { walFolder: disk.path });
    const it = await replica(t, server);
    await it.read();
    t.equal((await it.rotate()).status, 200);
    const owner = new pg.Client(server.url());
    owner.on('error', () => undefined);
    await owner.connect();
    await owner.query('CREATE TABLE ballast (text text)');
    disk.fill();
    const rows = owner.query('INSERT INTO ballast SELECT repeat(md5(n::text), 30) FROM generate_series(1, 20000) AS n');
    const during = Array.from({ length: 3 }, () => it.read());
    await t.rejects(rows, { message: /No space left on device|terminat/ });
    await Promise.all([server.ended(), ...during]);

    t.match(await it.rotate(), { status: 503, body: { code: /^(store|audit)_unavailable$/ } });
    await it.read();
    await it.pass(1);
    t.match(await it.get('/readyz'), {
      status: 'degraded',
      checks: { store: { status: 'ok' }, audit: { status: 'failing', spool: 'ok' } },
    });
    await it.clock.advance(3 * MINUTE);
    await it.service.sweep();
    await it.read();
    t.match(await it.get('/readyz'), {
      status: 'not ready',
      checks: { store: { status: 'failing' }, audit: { status: 'failing', spool: 'ok' } },
    });
    t.match(await it.rotate(), { status: 503, body: { code: 'audit_unavailable' } });
    await t.rejects(server.start(), { message: /did not start/ }, 'it cannot even recover without room');

    disk.release();
    await server.start();
    await it.recovers();
  },
);
