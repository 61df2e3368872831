import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import pg from 'pg';
import t, { type Test } from 'tap';
import { entriesOf } from '../../../src/audit/block.ts';
import { EVERY_BLOCK } from '../../../src/audit/ledger.ts';
import { decodeRecord } from '../../../src/audit/record.ts';
import { ALL_MOVED, NOT_MOVED } from '../../../src/audit/spool.ts';
import { verifyLedger } from '../../../src/audit/verify.ts';
import type { LogPlace } from '../../../src/compose/audit.ts';
import { KeyturnError } from '../../../src/core/errors.ts';
import { MINUTE, SECOND } from '../../../src/core/time.ts';
import { spoolFolder } from '../../../src/stores/sqlite/audit/spools.ts';
import { AT, texts } from '../../audit/fixture.ts';
import { ManualClock } from '../../support/clock.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { noPostgres, startPostgres } from '../../support/postgres.ts';
import { freshSchema, openTestPostgres } from '../../support/postgres-store.ts';
import { adminOf, type Replica, type ReplicaOptions, startReplica, until } from '../../support/replicas.ts';
import { START } from '../../support/service.ts';
import { temporaryFolder } from '../../support/sqlite.ts';

const POLICY = { schedule: null, leaseSeconds: 600, refreshSeconds: 30, tokenLifetimeSeconds: 3_600, skewSeconds: 5 };
const SPOOLED = /^spooled by [a-z0-9.-]+-[0-9a-f]{8}/;

interface Shown {
  readonly at: string;
  readonly action: string;
  readonly outcome: string;
  readonly instance: string | null;
  readonly requestId: string | null;
  readonly reason: string | null;
}

t.test('the spool of a replica on PostgreSQL', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);
  async function sql(text: string, values: readonly unknown[] = []) {
    const client = new pg.Client(server.url());
    await client.connect();
    const { rows } = await client.query(text, [...values]);
    await client.end();
    return rows;
  }

  /** A replica with the keyring `web`, and what a test asks of it. */
  async function replica(t: Test, options: Partial<ReplicaOptions> = {}, known: { readonly token?: string } = {}) {
    const clock = options.clock ?? new ManualClock(START);
    const schema = options.schema ?? freshSchema();
    const started = await startReplica(t, server, { ...options, schema, clock });
    const token = known.token ?? adminOf([started]);
    if (known.token === undefined)
      await started.call({ method: 'POST', url: '/v1/keyrings', token, payload: { name: 'web', policy: POLICY } });
    const read = (instance: string) => started.call({ url: '/v1/keyrings/web/keys', token, headers: { 'keyturn-instance': instance } });
    const rotate = () =>
      started.call({ method: 'POST', url: '/v1/keyrings/web/rotate', token, payload: { reason: 'a test', kind: 'immediate' } });
    await until(async () => (await read('warm')).status === 200);
    const spooled = async () => Number(/^keyturn_audit_spooled (\d+)$/m.exec((await started.call({ url: '/metrics' })).text)?.[1]);
    const folders = () => readdirSync(spoolFolder(started.dataDir));
    return { ...started, clock, schema, token, read, rotate, spooled, folders };
  }
  type Running = Awaited<ReturnType<typeof replica>>;

  const ask = (from: Replica, token: string, url: string) => from.call({ url, token });
  async function reads(from: Replica, token: string): Promise<Shown[]> {
    const { body } = await ask(from, token, '/v1/audit?action=keys.read&order=oldest&limit=500');
    return body.items.filter(({ instance }: Shown) => instance !== 'warm');
  }
  async function moves(from: Replica, token: string): Promise<Shown[]> {
    return (await ask(from, token, '/v1/audit?action=audit.spool&order=oldest')).body.items;
  }
  async function isIntact(from: Replica, token: string): Promise<boolean> {
    return (await from.call({ method: 'POST', url: '/v1/audit/verify', token, payload: {} })).body.intact;
  }
  /** Lets a second pass, and again, until nothing is spooled any more. */
  const untilMoved = ({ clock, spooled }: Running) =>
    until(async () => {
      await clock.advance(SECOND);
      return (await spooled()) === 0;
    });

  t.test(
    'through a stop of the server reads go on with a record each, changes are refused, and all is in the log afterwards',
    async (t) => {
      const it = await replica(t);
      t.equal((await it.read('web-1')).status, 200);
      await server.stop();
      await it.clock.advance(5 * SECOND);
      for (const instance of ['web-2', 'web-3']) t.equal((await it.read(instance)).status, 200);
      t.equal((await it.call({ url: '/v1/keyrings/web/keys', token: 'no token' })).status, 401);
      t.match((await it.rotate()).body, { status: 503, code: 'audit_unavailable' });
      t.equal(await it.spooled(), 4);
      const { body: ready } = await it.call({ url: '/readyz' });
      t.match(ready, { status: 'degraded', checks: { audit: { status: 'failing', spooled: 4 } } });
      t.match((await it.call({ url: '/metrics' })).text, /^keyturn_audit_healthy 0$/m);
      const outage = it.clock.now();
      await it.clock.advance(5 * SECOND);
      await server.start();
      await untilMoved(it);

      t.match((await it.read('web-4')).status, 200);
      const found = await reads(it, it.token);
      t.match(
        found.map(({ instance, outcome }) => [instance, outcome]),
        [
          ['web-1', 'done'],
          ['web-2', 'done'],
          ['web-3', 'done'],
          [null, 'refused'],
          ['web-4', 'done'],
        ],
      );
      for (const { at, instance, reason } of found) {
        const inOutage = instance !== 'web-1' && instance !== 'web-4';
        t.equal(SPOOLED.test(reason ?? ''), inOutage, `${instance}`);
        if (inOutage) t.equal(Date.parse(at), outage, 'its own time');
      }
      t.match(await moves(it, it.token), [{ outcome: 'done', reason: /^4 records, spooled by / }]);
      t.ok(await isIntact(it, it.token));
      t.match((await it.call({ url: '/readyz' })).body, { status: 'ready', checks: { audit: { status: 'ok', spooled: 0 } } });
      t.match(it.log(), /spooled audit records moved/);
      t.equal(it.folders().length, 1, 'an empty one, for the next outage');
      t.equal((await it.rotate()).status, 200);
    },
  );

  t.test('a replica that alone is cut off moves its records behind what the others wrote meanwhile', async (t) => {
    const proxy = await startFaultProxy(t, server);
    const first = await replica(t);
    const cutOff = await replica(t, { schema: first.schema, clock: first.clock, port: proxy.port }, first);
    proxy.cut();
    t.equal((await cutOff.read('b-1')).status, 200);
    t.equal((await first.read('a-1')).status, 200);
    t.equal((await cutOff.read('b-2')).status, 200);
    proxy.open();
    await untilMoved(cutOff);
    const found = (await reads(first, first.token)).map(({ instance }) => instance);
    t.same(found, ['a-1', 'b-1', 'b-2']);
    t.ok(await isIntact(first, first.token));
  });

  t.test('the leases of the outage are in no registry, and the registry says that it is not whole', async (t) => {
    const proxy = await startFaultProxy(t, server);
    const it = await replica(t, { port: proxy.port });
    t.equal((await it.read('web-1')).status, 200);
    proxy.cut();
    await it.clock.advance(MINUTE);
    t.ok((await it.read('web-2')).body.leaseSeconds <= 540, 'it is what is left of the lease');
    const outage = it.clock.now();
    proxy.open();
    await untilMoved(it);
    const { body } = await ask(it, it.token, '/v1/keyrings/web/instances');
    t.match(
      body.items.map(({ instance }: { instance: string }) => instance),
      ['warm', 'web-1'],
    );
    await it.clock.advance(MINUTE);
    await until(async () => Number((await sql(`SELECT complete_since FROM ${it.schema}.lease_registry`))[0]?.complete_since) > outage);
  });

  t.test('a read whose commit came through but whose answer was lost has one record', async (t) => {
    let losing = false;
    const losesAnswers = (log: LogPlace): LogPlace => ({
      ...log,
      writer: {
        ...log.writer,
        commit: (batch, done) =>
          log.writer.commit(batch, (failure) =>
            done(losing ? new KeyturnError('store_unavailable', 'The answer is lost (test).') : failure),
          ),
      },
    });
    const it = await replica(t, { log: losesAnswers });
    losing = true;
    t.equal((await it.read('web-1')).status, 200);
    t.equal((await it.read('web-2')).status, 200, 'not tried any more');
    t.equal(await it.spooled(), 2);
    losing = false;
    await untilMoved(it);
    const found = await reads(it, it.token);
    t.same(
      found.map(({ instance }) => instance),
      ['web-1', 'web-2'],
    );
    t.same([found[0]?.reason, SPOOLED.test(found[1]?.reason ?? '')], [null, true]);
  });

  t.test('one whose commit did not come through has one too, which says so', async (t) => {
    const proxy = await startFaultProxy(t, server);
    const it = await replica(t, { port: proxy.port });
    proxy.cut();
    t.equal((await it.read('web-1')).status, 200);
    proxy.open();
    await untilMoved(it);
    t.match(await reads(it, it.token), [{ instance: 'web-1', reason: /^spooled by \S+; the database did not confirm it$/ }]);
  });

  t.test('a database that falls silent delays the reads of that moment, and no later ones', async (t) => {
    const proxy = await startFaultProxy(t, server);
    const it = await replica(t, { port: proxy.port });
    proxy.freeze();
    t.equal((await it.read('web-1')).status, 200);
    const begun = performance.now();
    t.equal((await it.read('web-2')).status, 200);
    t.ok(performance.now() - begun < 1_500, 'less than the patience with the database');
    proxy.open();
    await untilMoved(it);
    t.same(
      (await reads(it, it.token)).map(({ instance }) => instance),
      ['web-1', 'web-2'],
    );
  });

  t.test('a replica that is stopped in the outage leaves its spool to its next start', async (t) => {
    const proxy = await startFaultProxy(t, server);
    const [schema, dataDir] = [freshSchema(), temporaryFolder(t)];
    const it = await replica(t, { schema, dataDir, port: proxy.port });
    proxy.cut();
    t.equal((await it.read('web-1')).status, 200);
    await it.service.stop();
    t.equal(it.folders().length, 1);
    const next = await replica(t, { schema, dataDir, clock: it.clock }, it);
    await untilMoved(next);
    await until(async () => (await reads(next, it.token)).length === 1);
    t.match(await reads(next, it.token), [{ instance: 'web-1', reason: SPOOLED }]);
    const stops = (await ask(next, it.token, '/v1/audit?action=service.stop')).body.items;
    t.match(stops, [{ reason: SPOOLED }], 'its stop was recorded too');
    t.ok(await isIntact(next, it.token));
    await next.service.stop();
    t.same(next.folders(), [], 'and nothing is left');
  });

  t.test('what was altered in a spool is in the log of all replicas and in the lines of this one', async (t) => {
    const proxy = await startFaultProxy(t, server);
    const [schema, dataDir] = [freshSchema(), temporaryFolder(t)];
    const it = await replica(t, { schema, dataDir, port: proxy.port });
    proxy.cut();
    for (const instance of ['web-1', 'web-2', 'web-3']) t.equal((await it.read(instance)).status, 200);
    await it.service.stop();
    const [name = ''] = it.folders();
    const file = new DatabaseSync(join(spoolFolder(dataDir), name, 'audit.db'));
    file.exec(`UPDATE blocks SET body = CAST(replace(CAST(body AS TEXT), 'web-2', 'web-9') AS BLOB) WHERE first = 2`);
    file.close();
    const next = await replica(t, { schema, dataDir, clock: it.clock }, it);
    await until(async () => {
      await next.clock.advance(SECOND);
      return /spool of the audit log was altered/.test(next.log());
    });
    t.match(await moves(next, it.token), [
      { outcome: 'failed', code: 'corrupt_document', reason: /record 2 is not what was written after record 1/ },
      { outcome: 'done', reason: /^3 records, .*not what was written there/ },
    ]);
    t.same(
      (await reads(next, it.token)).map(({ instance }) => instance),
      ['web-1', 'web-3'],
    );
    t.match(next.log(), /"problem":"record 2 is not what was written/);
    t.ok(next.folders().includes(`${name}.damaged`));
    t.ok(await isIntact(next, it.token), 'the log itself is whole');
  });

  for (const onOutage of ['refuse', 'serve-reads'] as const) {
    t.test(`where no spool can be written, or it is full, reads are as configured: ${onOutage}`, async (t) => {
      const proxy = await startFaultProxy(t, server);
      const dataDir = temporaryFolder(t);
      writeFileSync(join(dataDir, 'spool'), 'a file where the folder should be');
      const without = await replica(t, { port: proxy.port, dataDir, settings: { audit: { onOutage, spoolMegabytes: 1 } } });
      t.match(without.log(), /no audit spool: while the database is out, reads have no record/);
      const full = await replica(t, { port: proxy.port, settings: { audit: { onOutage, spoolMegabytes: 0.0005 } } });
      t.notMatch(full.log(), /no audit spool/);
      proxy.cut();
      t.equal((await full.read('web-1')).status, 200, 'the spool takes one');
      for (const it of [without, full]) {
        const expected = onOutage === 'refuse' ? { status: 503, body: { code: 'audit_unavailable' } } : { status: 200 };
        t.match(await it.read('web-2'), expected);
        t.match(await it.read('web-3'), expected);
        const { body: ready } = await it.call({ url: '/readyz' });
        t.equal(ready.status, onOutage === 'refuse' ? 'not ready' : 'degraded');
      }
      proxy.open();
      await untilMoved(full);
      t.same((await reads(full, full.token)).map(({ instance }) => instance).slice(0, 1), onOutage === 'refuse' ? ['web-1'] : [null]);
      t.equal((await full.read('web-4')).status, 200);
      proxy.cut();
      t.equal((await full.read('web-5')).status, 200, 'there is room again');
    });
  }

  t.test('mark and records come together, in their order, or not at all', async (t) => {
    const { log } = await openTestPostgres(t, server);
    const { spools, reader } = log;
    const lines = (count: number, from: number) => texts(count, from).map((text) => ({ text, doubt: null }));
    const portion = { spool: 'S-host-1', at: AT };
    t.equal(await spools.markOf('S-host-1'), NOT_MOVED);
    await spools.take({ ...portion, after: NOT_MOVED, mark: 3, texts: lines(2, 1) });
    await t.rejects(spools.take({ ...portion, after: NOT_MOVED, mark: 3, texts: lines(2, 1) }), { code: 'conflict' });
    await t.rejects(spools.take({ ...portion, after: 2, mark: 4, texts: lines(2, 1) }), { code: 'conflict' });
    await t.rejects(spools.take({ ...portion, after: 3, mark: 9, texts: [{ text: 'x'.repeat(9_000), doubt: null }] }), {
      code: 'internal',
    });
    t.equal(await spools.markOf('S-host-1'), 3);
    await spools.take({ ...portion, after: 3, mark: ALL_MOVED, texts: lines(1, 3) });
    t.equal(await spools.markOf('S-host-1'), ALL_MOVED);
    t.match(await reader.head(), { sequence: 3 });
  });

  t.test('a forged mark is no reason to delete a spool', async (t) => {
    const schema = freshSchema();
    const { log } = await openTestPostgres(t, server, { schema });
    await sql(`INSERT INTO ${schema}.meta VALUES ('spool S-host-1', $1)`, [`${ALL_MOVED} ${'0'.repeat(64)}`]);
    await t.rejects(log.spools.markOf('S-host-1'), { code: 'corrupt_document' });
    await log.spools.take({ spool: 'S-host-2', after: NOT_MOVED, mark: ALL_MOVED, texts: [], at: AT });
    await sql(
      `UPDATE ${schema}.meta SET value = (SELECT value FROM ${schema}.meta WHERE name = 'spool S-host-2') WHERE name = 'spool S-host-1'`,
    );
    await t.rejects(log.spools.markOf('S-host-1'), { code: 'corrupt_document' }, 'that of another one');
  });

  t.test('killed while it writes and again and again while it moves, each record that was durable is there once', async (t) => {
    const schema = freshSchema();
    const postgres = await openTestPostgres(t, server, { schema });
    const dataDir = temporaryFolder(t);
    mkdirSync(dataDir, { recursive: true });
    const child = (what: string, ...rest: string[]) => {
      const args = ['test/stores/postgres/spool-child.ts', what, server.url(), schema, dataDir, ...rest];
      return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    };
    const durable: number[] = [];
    for (const from of [1_000, 5_000]) {
      const writer = child('write', String(from));
      const gone = once(writer, 'exit');
      for await (const line of createInterface(writer.stdout)) {
        for (let number = durable.at(-1) ?? 0; number < Number(line); number++) if (number + 1 >= from) durable.push(number + 1);
        if (Number(line) > from + 1_500) writer.kill('SIGKILL');
      }
      await gone;
    }
    let kills = 0;
    for (let wait = 0; ; wait = 4 + wait * 2) {
      const mover = child('move');
      const gone = once(mover, 'exit');
      let said = '';
      for await (const line of createInterface(mover.stdout)) {
        said = line;
        if (line === 'moving') setTimeout(() => mover.kill('SIGKILL'), wait);
      }
      await gone;
      if (said === 'moved') break;
      kills++;
    }
    t.ok(kills > 0, `${kills} kills`);
    const ids: string[] = [];
    let sums = 0;
    for (const block of await postgres.log.reader.blocks({ ...EVERY_BLOCK, order: 'oldest', limit: 10_000 })) {
      for (const { text } of entriesOf(block.body).entries) {
        const { action, requestId } = decodeRecord(Buffer.from(text).toString(), 1);
        if (requestId !== null) ids.push(requestId);
        else if (action === 'audit.spool') sums++;
      }
    }
    t.equal(new Set(ids).size, ids.length, 'none twice');
    const numbers = ids.map((id) => Number(id.slice(2)));
    t.same(
      numbers,
      numbers.toSorted((a, b) => a - b),
      'in their order',
    );
    t.ok(durable.length >= 3_000);
    t.same(
      durable.filter((number) => !numbers.includes(number)),
      [],
      'none is missing',
    );
    t.ok(numbers.length <= durable.length + 14, 'at most what was durable and not said yet came along');
    t.equal(sums, 2);
    const { mac, publicKey } = postgres.auditKeys;
    t.match(await verifyLedger(postgres.log.reader, { mac, publicKey, known: null }), { intact: true });
    t.same(
      readdirSync(spoolFolder(dataDir)).filter((name) => name.endsWith('.damaged')),
      [],
    );
  });
});
