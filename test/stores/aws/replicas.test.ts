import t, { type Test } from 'tap';
import { rotateKeyring } from '../../../src/app/rotations.ts';
import { DEFAULT_POLICY } from '../../../src/core/policy.ts';
import { SECOND } from '../../../src/core/time.ts';
import { SCHEDULER } from '../../../src/core/version.ts';
import { openTestAws } from '../../support/aws.ts';
import { AwsDouble } from '../../support/aws-double/server.ts';
import { ManualClock } from '../../support/clock.ts';
import { startMoto } from '../../support/moto.ts';
import { createIn, keyring, loadFrom, named } from '../keyrings.ts';
import { PREFIX } from './fixture.ts';
import { replicaOn } from './replicas.ts';

const START = '2026-03-01T12:00:00.000Z';
const HOURLY = { ...DEFAULT_POLICY, schedule: { cron: '0 * * * *', timeZone: 'UTC' }, leaseSeconds: 600, tokenLifetimeSeconds: 7_200 };
const moto = await startMoto(t);
const onMoto = { skip: typeof moto === 'string' ? moto : false };

async function twoReplicas(t: Test, endpoint: string, clock = new ManualClock(START), prefix = PREFIX) {
  const open = async () => replicaOn((await openTestAws(t, endpoint, { prefix, clock })).store, clock);
  return { clock, one: await open(), two: await open() };
}

const byHand = { by: SCHEDULER, reason: 'a test', name: named('web'), idempotencyKey: null };

t.test('two replicas fill each slot once', onMoto, async (t) => {
  const { clock, one, two } = await twoReplicas(t, typeof moto === 'string' ? '' : moto.endpoint);
  const names = ['a', 'b', 'c'];
  for (const name of names) await createIn(one.deps.store, keyring(name, clock.now(), HOURLY));
  for (let hour = 0; hour < 5; hour++) {
    await clock.advance(3_600 * SECOND);
    await Promise.all([one.sweep.run(), two.sweep.run()]);
  }
  const slots = [...one.outcomes, ...two.outcomes].flatMap((made) => (made.outcome === 'rotated' ? [`${made.name} ${made.slot}`] : []));
  t.equal(slots.length, 15);
  t.equal(new Set(slots).size, 15);
  for (const name of names) t.equal((await loadFrom(two.deps.store, name)).keyring.versions.length, 6);
  t.same(
    [...one.outcomes, ...two.outcomes].filter(({ outcome }) => outcome === 'failed'),
    [],
  );
});

t.test('a rotation made on one replica is held by the other within five seconds', onMoto, async (t) => {
  const { clock, one, two } = await twoReplicas(t, typeof moto === 'string' ? '' : moto.endpoint, undefined, `${PREFIX}-feed`);
  await createIn(one.deps.store, keyring('web', clock.now()));
  await two.copies.get(named('web'));
  let seconds = 0;
  await rotateKeyring(one.deps, 'scheduled', byHand);
  while (two.copies.peek(named('web'))?.keyring.versions.length !== 2 && seconds < 5) {
    seconds++;
    await clock.advance(SECOND);
    await two.copies.validate();
  }
  t.equal(seconds, 1);
});

t.test('while AWS answers late, a copy is older than it seems by no more than that', async (t) => {
  const double = await AwsDouble.start(t);
  const { clock, one, two } = await twoReplicas(t, double.endpoint);
  await createIn(one.deps.store, keyring('web', clock.now()));
  await two.copies.get(named('web'));
  double.secrets.remember();
  await rotateKeyring(one.deps, 'scheduled', byHand);
  double.lateReads = 3;
  for (const versions of [1, 1, 1, 2]) {
    await two.copies.validate();
    t.equal(two.copies.peek(named('web'))?.keyring.versions.length, versions);
  }
});

t.test('a rotation writes twice; one that takes a race with it at most three times', async (t) => {
  const double = await AwsDouble.start(t);
  const { clock, one, two } = await twoReplicas(t, double.endpoint);
  await createIn(one.deps.store, keyring('web', clock.now(), { ...DEFAULT_POLICY, leaseSeconds: 60 }));
  const writes = () => double.count('CreateSecret', 'PutSecretValue', 'DeleteSecret', 'UpdateSecretVersionStage');
  const before = writes();
  await rotateKeyring(one.deps, 'scheduled', byHand);
  t.equal(writes() - before, 2);
  await clock.advance(86_400 * SECOND);
  const racing = writes();
  await Promise.allSettled([rotateKeyring(one.deps, 'scheduled', byHand), rotateKeyring(two.deps, 'scheduled', byHand)]);
  t.equal((await loadFrom(one.deps.store, 'web')).keyring.versions.length, 3, 'one of the two rotated');
  t.ok(writes() - racing <= 2 + 3, 'the winner writes twice; the loser stores, is refused and destroys');
});

t.test('nothing is written while nothing happens', async (t) => {
  const double = await AwsDouble.start(t);
  const { clock, one } = await twoReplicas(t, double.endpoint);
  await createIn(one.deps.store, keyring('web', clock.now()));
  await one.copies.get(named('web'));
  const writes = () => double.count('CreateSecret', 'PutSecretValue', 'DeleteSecret', 'UpdateSecretVersionStage');
  const before = writes();
  for (let second = 0; second < 120; second++) {
    await clock.advance(SECOND);
    await one.copies.validate();
    await one.sweep.run();
    if (second % 10 === 0) await one.deps.store.check();
  }
  t.equal(writes(), before);
});
