import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { Copies } from '../../src/app/copies.ts';
import { EarlyActivation } from '../../src/app/early-activation.ts';
import { rotateKeyring } from '../../src/app/rotations.ts';
import type { SweepOutcome } from '../../src/app/sweep.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/core/time.ts';
import { rotate } from '../../src/core/transitions/rotate.ts';
import { SCHEDULER } from '../../src/core/version.ts';
import type { Lease, LeaseRegistry } from '../../src/ports/leases.ts';
import { context, createIn, keyring, named } from '../stores/keyrings.ts';
import { ManualClock } from '../support/clock.ts';
import { createWeb, rotateWeb, signing, TestInstance } from '../support/instance.ts';
import { grant, holding } from '../support/leases.ts';
import { startTestService } from '../support/service.ts';
import { openTestSqlite, storeRandom } from '../support/sqlite.ts';

const LEASE = DAY;
const SKEW = 30 * SECOND;

async function withInstances(t: Tap, ...names: (string | null)[]) {
  const service = await startTestService(t);
  await createWeb(service);
  const instances = names.map((name) => new TestInstance(service, name));
  for (const instance of instances) await instance.ask();
  await service.pass(HOUR);
  await rotateWeb(service);
  return { service, instances };
}

type Tap = Parameters<typeof startTestService>[0];

t.test('a rotation activates as soon as every instance has shown that it holds the new key', async (t) => {
  const { service, instances } = await withInstances(t, 'web-1', 'web-2');
  const [one, two] = instances;
  t.same([await one?.ask(), await one?.ask()], [200, 304]);
  await two?.ask();
  await service.pass(SECOND);
  t.equal(await signing(service), 1, 'web-2 was given it and has not shown it');
  await two?.ask();
  await service.pass(SECOND);
  t.equal(await signing(service), 2);
  const { items } = (await service.call({ url: '/v1/keyrings/web/history' })).body;
  t.match(items[0].advanced, { by: { id: 'system:scheduler' }, reason: 'each of the 2 instances that hold a lease has version 2' });
  t.match(service.log(), /"version":2,"holders":2.*"activation brought forward"/);
  t.match((await service.call({ url: '/metrics' })).text, /keyturn_sweep_outcomes_total\{outcome="advanced",code=""\} 1/);
});

t.test('an instance that does not ask is waited for until its lease has ended, and no longer', async (t) => {
  const { service, instances } = await withInstances(t, 'web-1', 'gone');
  const [one] = instances;
  for (let round = 0; round < 2; round++) await one?.ask();
  await service.pass(LEASE - HOUR + SKEW - SECOND);
  t.equal(await signing(service), 1);
  await service.pass(SECOND);
  t.equal(await signing(service), 2, 'an hour before the planned activation');
});

t.test('callers without a name leave it to time', async (t) => {
  const { service, instances } = await withInstances(t, 'web-1', null);
  for (const instance of [...instances, ...instances]) await instance.ask();
  await service.pass(LEASE + SKEW - SECOND);
  t.equal(await signing(service), 1);
  await service.pass(SECOND);
  t.equal(await signing(service), 2);
});

t.test('a new process under an old name does not speak for the old one', async (t) => {
  const { service } = await withInstances(t, 'web-1');
  const restarted = new TestInstance(service, 'web-1');
  t.same([await restarted.ask(), await restarted.ask(), await restarted.ask()], [200, 304, 304]);
  await service.pass(LEASE - HOUR + SKEW - SECOND);
  t.equal(await signing(service), 1);
  await service.pass(SECOND);
  t.equal(await signing(service), 2);
});

t.test('an instance that is held by ?wait= has shown what it holds when it asked, not when it is answered', async (t) => {
  const { service, instances } = await withInstances(t, 'web-1');
  const [instance] = instances;
  t.equal(await instance?.ask(), 200);
  const held = instance?.ask('web', 60);
  await service.pass(SECOND);
  t.equal(await signing(service), 2);
  t.equal(await held, 200, 'and hears of the activation at once');
});

t.test('an instance that came after the publication never had anything else', async (t) => {
  const service = await startTestService(t);
  await createWeb(service);
  await rotateWeb(service);
  await new TestInstance(service, 'web-1').ask();
  await service.pass(SECOND);
  t.equal(await signing(service), 2);
});

t.test('a restart of the service forgets nobody and nothing that was shown', async (t) => {
  const first = await startTestService(t);
  await createWeb(first);
  const [shown, silent] = [new TestInstance(first, 'web-1'), new TestInstance(first, 'web-2')];
  for (const instance of [shown, silent]) await instance.ask();
  await rotateWeb(first);
  for (let round = 0; round < 2; round++) await shown.ask();
  await first.service.stop();

  const again = await startTestService(t, { dataDir: first.settings.dataDir, clock: first.clock });
  const continued = new TestInstance(again, 'web-3', first.admin);
  await continued.ask();
  await again.pass(SECOND);
  const see = async () => (await again.call({ url: '/v1/keyrings/web/instances', token: first.admin })).body.summary;
  t.match(await see(), { instances: 3, lagging: 1, activation: { reason: 'instances_behind', message: /web-2/ } });
});

t.test('emergency, revocation and deletion after the publication end the wait without a failure', async (t) => {
  const { service, instances } = await withInstances(t, 'web-1');
  for (let round = 0; round < 2; round++) await instances[0]?.ask();
  await service.call({ method: 'POST', url: '/v1/keyrings/web/versions/2/revoke', payload: { reason: 'test' } });
  await service.pass(SECOND);
  t.equal(await signing(service), 1);
  t.notMatch(service.log(), /failed in sweep|brought forward/);
});

/** The use case alone, on a registry that the test plays. */
async function alone(t: Tap, live: () => Promise<readonly Lease[]>) {
  const clock = new ManualClock();
  const { store } = openTestSqlite(t, { clock });
  const copies = new Copies({ store, feed: store, clock });
  await copies.validate();
  const deps = { store, clock, random: storeRandom, copies };
  await createIn(store, rotate(keyring('web', clock.now()), 'scheduled', context(clock.now())).keyring);
  let asked = 0;
  const registry: LeaseRegistry = {
    completeSince: () => 0,
    live: () => {
      asked++;
      return live();
    },
    page: async () => ({ items: [], next: null }),
  };
  const outcomes: SweepOutcome[] = [];
  const early = new EarlyActivation({ ...deps, registry, reach: 'own', nextTurn }, (outcome) => outcomes.push(outcome));
  return { early, deps, clock, outcomes, asked: () => asked };
}

const WITH_NEXT = holding(2, 2, 1);
const leaseOn = (instance: string, behindUntil: number, now: number): Lease => ({
  ...grant(WITH_NEXT, false, { instance }),
  firstSeen: now,
  lastSeen: now,
  until: now + LEASE,
  behindUntil,
  offered: { ...WITH_NEXT, changedAt: now + DAY },
  acknowledged: null,
  acknowledgedAt: null,
});

t.test(
  'the registry is asked when somebody was offered a version that waits, and again only when the one it waits for has spoken',
  async (t) => {
    let behindUntil = Number.MAX_SAFE_INTEGER;
    const { early, clock, asked } = await alone(t, async () => [
      leaseOn('web-1', 0, clock.now()),
      leaseOn('web-2', behindUntil, clock.now()),
    ]);
    const looks = async () => {
      await early.run();
      return asked();
    };
    early.heard(grant(holding(1), true));
    t.equal(await looks(), 0, 'no version waits in that answer');
    early.heard(grant(WITH_NEXT, true, { instance: null }));
    t.equal(await looks(), 0, 'nobody in particular');
    early.heard(grant(WITH_NEXT, false));
    t.equal(await looks(), 1);
    early.heard(grant(WITH_NEXT, true));
    early.heard(grant(WITH_NEXT, false, { instance: 'web-2' }));
    t.equal(await looks(), 1, 'web-2 has not shown it');
    behindUntil = 0;
    early.heard(grant(WITH_NEXT, true, { instance: 'web-2' }));
    t.equal(await looks(), 2);
    t.equal(await looks(), 2, 'done');
  },
);

t.test('what was published while the registry was asked is not judged by its answer', async (t) => {
  const { early, deps, outcomes } = await alone(t, async () => {
    await rotateKeyring(deps, 'immediate', { name: named('web'), by: SCHEDULER, reason: 'test', idempotencyKey: null });
    await rotateKeyring(deps, 'scheduled', { name: named('web'), by: SCHEDULER, reason: 'test', idempotencyKey: null });
    return [];
  });
  early.heard(grant(WITH_NEXT, false));
  await early.run();
  const stored = await deps.store.load(named('web'));
  t.same([outcomes, stored?.keyring.versions.map(({ advanced }) => advanced !== null)], [[], [false, true, false]]);
});

t.test('a failure is told, and tried again after a while', async (t) => {
  let fails = true;
  const { early, clock, outcomes, asked } = await alone(t, async () => {
    if (fails) throw new KeyturnError('store_unavailable', 'The registry does not answer (test).');
    return [];
  });
  early.heard(grant(WITH_NEXT, false));
  await early.run();
  t.match(outcomes, [{ outcome: 'failed', code: 'store_unavailable', attempts: 1, retryAt: clock.now() + 2 * SECOND }]);
  await early.run();
  t.equal(asked(), 1);
  fails = false;
  await clock.advance(MINUTE);
  await early.run();
  t.match(outcomes[1], { outcome: 'advanced', version: 2, holders: 0 });
});
