import t, { type Test } from 'tap';
import { HOUR, MINUTE, SECOND } from '../../../src/core/time.ts';
import { ManualClock } from '../../support/clock.ts';
import { startFaultProxy } from '../../support/fault-proxy.ts';
import { noPostgres, startPostgres, type TestPostgres } from '../../support/postgres.ts';
import { freshSchema, openTestPostgres } from '../../support/postgres-store.ts';
import { adminOf, type Replica, type ReplicaOptions, startReplica, until } from '../../support/replicas.ts';
import { START } from '../../support/service.ts';
import { loadFrom } from '../keyrings.ts';

const POLICY = { schedule: null, leaseSeconds: 600, refreshSeconds: 30, tokenLifetimeSeconds: 3_600, skewSeconds: 5 };

async function startAll(t: Test, server: TestPostgres, each: readonly Partial<ReplicaOptions>[]) {
  const [clock, schema] = [new ManualClock(START), freshSchema()];
  const replicas = await Promise.all(each.map((options) => startReplica(t, server, { schema, clock, ...options })));
  const token = adminOf(replicas);
  const [first] = replicas;
  if (first === undefined) throw new Error('no replica');
  return { clock, schema, replicas, first, token };
}

async function createAt(replica: Replica, token: string, policy: object = POLICY): Promise<void> {
  const answer = await replica.call({ method: 'POST', url: '/v1/keyrings', token, payload: { name: 'web', policy } });
  if (answer.status !== 201) throw new Error(answer.text);
}

const keysAt = (replica: Replica, token: string) => replica.call({ url: '/v1/keyrings/web/keys', token });
const rotateAt = (replica: Replica, token: string, kind: string, headers = {}) =>
  replica.call({ method: 'POST', url: '/v1/keyrings/web/rotate', token, headers, payload: { reason: 'a test', kind } });

t.test('replicas on one PostgreSQL', { skip: noPostgres }, async (t) => {
  const server = await startPostgres(t);

  t.test('replicas that start together make one admin token, and every slot of the schedule is filled once', async (t) => {
    const { clock, replicas, first, token } = await startAll(t, server, [{}, {}, {}]);
    await createAt(first, token, {
      ...POLICY,
      leaseSeconds: 120,
      tokenLifetimeSeconds: 600,
      schedule: { cron: '0 * * * *', timeZone: 'UTC' },
    });
    for (let slot = 0; slot < 5; slot++) {
      await clock.advance(HOUR);
      await Promise.all(replicas.map(({ service }) => service.sweep()));
    }
    const { body } = await first.call({ url: '/v1/keyrings/web/history', token });
    const slots = body.items.map((item: { slot: string | null }) => item.slot).filter((slot: string | null) => slot !== null);
    t.equal(slots.length, 5);
    t.equal(new Set(slots).size, 5);
    t.equal(
      replicas.map((replica) => replica.log().split('"rotation published"').length - 1).reduce((sum, count) => sum + count),
      5,
    );
  });

  t.test('one Idempotency-Key sent to all replicas at once rotates once', async (t) => {
    const { replicas, first, token } = await startAll(t, server, [{}, {}, {}]);
    await createAt(first, token);
    const headers = { 'idempotency-key': 'the-same' };
    const answers = await Promise.all([...replicas, ...replicas].map((replica) => rotateAt(replica, token, 'immediate', headers)));
    for (const { status, body } of answers) t.same([status, body.version], [200, answers[0]?.body.version]);
    t.equal((await first.call({ url: '/v1/keyrings/web/history', token })).body.items.length, 2);
  });

  t.test('a rotation, an emergency, a revocation, and tokens reach the others before any of their timers fires', async (t) => {
    const { replicas, first, token } = await startAll(t, server, [{}, {}, {}]);
    await createAt(first, token);
    const others = replicas.slice(1);
    const current = async (replica: Replica) => (await keysAt(replica, token)).body?.current?.version;
    const all = (holds: (replica: Replica) => Promise<boolean>) => until(async () => (await Promise.all(others.map(holds))).every(Boolean));
    await all(async (replica) => (await current(replica)) === 1);

    t.equal((await rotateAt(first, token, 'scheduled')).status, 200);
    await all(async (replica) => (await keysAt(replica, token)).body.next?.version === 2);
    t.equal((await rotateAt(first, token, 'emergency')).status, 200);
    await all(async (replica) => (await current(replica)) === 3 && (await keysAt(replica, token)).body.previous.length === 0);
    t.equal((await rotateAt(first, token, 'immediate')).status, 200);
    await all(async (replica) => (await keysAt(replica, token)).body.previous.length === 1);
    const revoke = { method: 'POST', url: '/v1/keyrings/web/versions/3/revoke', token, payload: { reason: 'a test' } } as const;
    t.equal((await first.call(revoke)).status, 200);
    await all(async (replica) => (await keysAt(replica, token)).body.previous.length === 0);

    const payload = { name: 'app', roles: ['app'], keyrings: ['web'] };
    const issued = (await first.call({ method: 'POST', url: '/v1/tokens', token, payload })).body;
    await all(async (replica) => (await keysAt(replica, issued.token)).status === 200);
    t.equal((await first.call({ method: 'DELETE', url: `/v1/tokens/${issued.id}`, token, payload: { reason: 'a test' } })).status, 200);
    await all(async (replica) => (await keysAt(replica, issued.token)).status === 401);
  });

  t.test('audit log and fleet are one: each replica shows what the others recorded and granted, and the chain holds', async (t) => {
    const { replicas, first, token } = await startAll(t, server, [{}, {}, {}]);
    await createAt(first, token);
    const reads = replicas.flatMap((replica, at) =>
      [1, 2, 3].map((read) => replica.call({ url: '/v1/keyrings/web/keys', token, headers: { 'keyturn-instance': `web-${at}-${read}` } })),
    );
    for (const { status } of await Promise.all(reads)) t.equal(status, 200);
    for (const replica of replicas) {
      const { body: fleet } = await replica.call({ url: '/v1/keyrings/web/instances', token });
      t.equal(fleet.items.length, 9);
      const { body: log } = await replica.call({ url: '/v1/audit?action=keys.read', token });
      t.equal(new Set(log.items.map(({ instance }: { instance: string }) => instance)).size, 9);
      const { body: verdict } = await replica.call({ method: 'POST', url: '/v1/audit/verify', token, payload: {} });
      t.match(verdict, { intact: true, from: 1 });
    }
  });

  t.test('a change whose writer died before its record gets one from those that run on', async (t) => {
    const { clock, schema, first, token } = await startAll(t, server, [{}]);
    await createAt(first, token);
    const dead = await openTestPostgres(t, server, { schema });
    const { keyring, revision } = await loadFrom(dead.store, 'web');
    await clock.advance(SECOND);
    const changed = { ...keyring.changed, at: clock.now() };
    t.ok(await dead.store.swap({ ...keyring, changed }, revision));
    const recovered = async () => {
      const { body } = await first.call({ url: '/v1/audit?keyring=web', token });
      return body.items.filter(({ reason }: { reason: string | null }) => reason === 'recovered').length;
    };
    t.equal(await recovered(), 0);
    await clock.advance(11 * MINUTE);
    await until(async () => {
      await clock.advance(SECOND);
      return (await recovered()) === 1;
    });
    await clock.advance(11 * MINUTE);
    t.equal(await recovered(), 1, 'once');
  });

  t.test('a replica that hears no notice asks every second', async (t) => {
    const { clock, replicas, first, token } = await startAll(t, server, [{}, { listens: false }]);
    await createAt(first, token);
    const deaf = replicas[1] ?? first;
    t.equal((await keysAt(deaf, token)).body.current.version, 1);
    await rotateAt(first, token, 'immediate');
    t.equal((await keysAt(deaf, token)).body.current.version, 1);
    await until(async () => {
      await clock.advance(SECOND);
      return (await keysAt(deaf, token)).body.current.version === 2;
    });
  });

  t.test('a replica cut off from the database serves with a shrinking lease, then refuses, never rotates, and recovers', async (t) => {
    const proxy = await startFaultProxy(t, server);
    const { clock, replicas, first, token } = await startAll(t, server, [{}, { port: proxy.port }]);
    await createAt(first, token);
    const cutOff = replicas[1] ?? first;
    await until(async () => (await keysAt(cutOff, token)).body?.leaseSeconds === POLICY.leaseSeconds);

    proxy.cut();
    await clock.advance(400 * SECOND);
    await first.service.validate();
    const answer = await keysAt(cutOff, token);
    t.equal(answer.status, 200);
    t.ok(answer.body.leaseSeconds <= 200, 'what is left of the lease');
    t.equal((await keysAt(first, token)).body.leaseSeconds, POLICY.leaseSeconds);
    t.match((await rotateAt(cutOff, token, 'immediate')).body, { status: 503, code: 'audit_unavailable' });
    await clock.advance(201 * SECOND);
    const refused = await keysAt(cutOff, token);
    t.same([refused.status, refused.body.code], [503, 'lease_exhausted']);
    t.notOk(`${refused.text}${cutOff.log()}`.includes(server.password));
    await first.service.validate();
    t.equal((await keysAt(first, token)).body.current.version, 1, 'nothing was rotated');
    t.equal((await rotateAt(first, token, 'immediate')).status, 200);

    proxy.open();
    await until(async () => {
      await clock.advance(SECOND);
      return (await keysAt(cutOff, token)).body.current?.version === 2;
    });
    t.equal((await keysAt(cutOff, token)).body.leaseSeconds, POLICY.leaseSeconds);
    t.equal((await rotateAt(cutOff, token, 'immediate')).status, 200);
  });
});
