import t from 'tap';
import { changePolicy, deleteKeyring } from '../../src/app/keyrings.ts';
import { revokeVersion } from '../../src/app/rotations.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/core/time.ts';
import { SCHEDULER } from '../../src/core/version.ts';
import { asked, beside, make, materials, type Replica, replica, START, stored, WEB } from './fixture.ts';

const API = parseKeyringName('api');
const MIDNIGHT = START + 12 * HOUR;

const kinds = ({ outcomes }: Replica) => outcomes.map(({ outcome, name }) => `${outcome} ${name}`);
const slots = async (ours: Replica) => (await stored(ours)).versions.map(({ slot }) => slot);

t.test('a slot is filled when it comes, by the scheduler and with a reason, once', async (t) => {
  const ours = replica(t);
  await make(ours);
  await ours.clock.advance(12 * HOUR - 1);
  await ours.sweep.run();
  t.same(ours.outcomes, []);
  await ours.clock.advance(1);
  await ours.sweep.run();
  await ours.sweep.run();
  t.match(ours.outcomes, [
    { outcome: 'rotated', name: 'web', version: 2, slot: MIDNIGHT, activatesAt: MIDNIGHT + 70 * SECOND, missedSlots: 0 },
  ]);
  t.equal(ours.outcomes.length, 1);
  const keyring = await stored(ours);
  t.match(keyring.versions[1], { kind: 'scheduled', slot: MIDNIGHT, created: { by: SCHEDULER, reason: 'scheduled rotation' } });
  t.equal(keyring.nextRotationAt, MIDNIGHT + DAY);
});

t.test('two replicas that race for a slot fill it once, and one of them reports it', async (t) => {
  const ours = replica(t);
  const theirs = beside(ours);
  await make(ours);
  await ours.clock.advance(12 * HOUR);
  ours.store.faults.beforeNext('swap', () => theirs.sweep.run());
  await ours.sweep.run();
  t.same(await slots(ours), [null, MIDNIGHT]);
  t.same([kinds(ours), kinds(theirs)], [[], ['rotated web']]);
  t.equal((await materials(ours)).length, 2, 'the loser leaves no orphan');
});

t.test('many sweeps at once over three days fill every slot exactly once', async (t) => {
  const ours = replica(t);
  const all = [ours, beside(ours)];
  await make(ours);
  for (let day = 0; day < 3; day++) {
    await ours.clock.advance(DAY);
    await Promise.all(all.flatMap(({ sweep }) => [sweep.run(), sweep.run()]));
  }
  t.same(await slots(ours), [null, ...Array.from({ length: 3 }, (_, day) => MIDNIGHT + day * DAY)]);
  const reports = all.flatMap(kinds);
  t.equal(reports.filter((report) => report === 'rotated web').length, 3);
  t.equal(reports.filter((report) => report === 'destroyed web').length, 2);
  t.notOk(reports.includes('failed web'));
});

t.test('what was missed while the service was down is caught up exactly once, and counted', async (t) => {
  const ours = replica(t);
  await make(ours);
  await ours.clock.advance(5 * DAY);
  await ours.sweep.run();
  await ours.sweep.run();
  t.match(ours.outcomes, [{ outcome: 'rotated', version: 2, slot: MIDNIGHT, missedSlots: 4 }]);
  t.equal(ours.outcomes.length, 1);
  t.equal((await stored(ours)).nextRotationAt, MIDNIGHT + 5 * DAY);
  t.match((await stored(ours)).versions[1]?.created.reason, /caught up after 5 missed slots/);
});

t.test('a keyring that fails does not hold up the others, and is reported once for each attempt', async (t) => {
  const ours = replica(t);
  await make(ours, API);
  await make(ours, WEB);
  await ours.clock.advance(12 * HOUR);
  const { load } = ours.store;
  ours.store.load = (name, ...rest) =>
    name === API ? Promise.reject(new KeyturnError('corrupt_document', 'damaged')) : load(name, ...rest);
  await ours.sweep.run();
  t.same(kinds(ours).sort(), ['failed api', 'rotated web']);
  t.match(ours.sweep.failing(), [{ name: 'api', dueAt: MIDNIGHT, code: 'corrupt_document', attempts: 1, retryAt: MIDNIGHT + 2 * SECOND }]);
  ours.store.load = load;
  await ours.clock.advance(2 * SECOND);
  await ours.sweep.run();
  t.equal(kinds(ours).at(-1), 'rotated api');
  t.same(ours.sweep.failing(), []);
});

t.test('attempts back off: 2, 4, 8 … seconds, at most 5 minutes', async (t) => {
  const ours = replica(t);
  await make(ours);
  await ours.clock.advance(12 * HOUR);
  const waits: number[] = [];
  for (let attempt = 1; attempt <= 10; attempt++) {
    ours.store.faults.failNext('putMaterial');
    await ours.sweep.run();
    const [failing] = ours.sweep.failing();
    t.equal(failing?.attempts, attempt);
    const wait = (failing?.retryAt ?? 0) - ours.clock.now();
    waits.push(wait / SECOND);
    await ours.clock.advance(wait - 1);
    await ours.sweep.run();
    t.equal(ours.outcomes.length, attempt, 'not a moment early');
    await ours.clock.advance(1);
  }
  t.same(waits, [2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  await ours.sweep.run();
  t.match(ours.outcomes.at(-1), { outcome: 'rotated', slot: MIDNIGHT, missedSlots: 0 });
});

t.test('a failing keyring that somebody else served is forgotten', async (t) => {
  const ours = replica(t);
  await make(ours);
  await ours.clock.advance(12 * HOUR);
  ours.store.faults.failNext('swap');
  await ours.sweep.run();
  t.equal(ours.sweep.failing().length, 1);
  await beside(ours).sweep.run();
  await ours.sweep.run();
  t.same(ours.sweep.failing(), []);
  t.same(await slots(ours), [null, MIDNIGHT]);
});

t.test('a store that cannot say what is due fails the sweep, not the keyrings', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.failNext('due');
  await t.rejects(ours.sweep.run(), { code: 'store_unavailable' });
  t.same(ours.sweep.failing(), []);
});

t.test('a retired version is destroyed one skew later: the bytes first, then the mark', async (t) => {
  const ours = replica(t);
  await make(ours);
  await ours.clock.advance(12 * HOUR);
  await ours.sweep.run();
  const [first] = (await stored(ours)).versions;
  await ours.clock.advance((first?.verifyUntil ?? 0) + 10 * SECOND - 1 - ours.clock.now());
  await ours.sweep.run();
  t.equal((await materials(ours)).length, 2);
  await ours.clock.advance(1);
  await ours.sweep.run();
  t.match(ours.outcomes.at(-1), { outcome: 'destroyed', name: 'web', versions: [1] });
  t.equal((await stored(ours)).versions[0]?.destroyedAt, ours.clock.now());
  t.ok((await materials(ours)).every(({ ref }) => ref.nonce !== first?.nonce));
});

t.test('a crash between the destruction and its mark is finished by the next sweep', async (t) => {
  const ours = replica(t);
  await make(ours);
  await revokeVersion(ours.deps, 1, { ...asked, name: WEB, idempotencyKey: null });
  ours.store.faults.failNext('swap');
  await ours.sweep.run();
  t.same(kinds(ours), ['failed web']);
  t.equal((await materials(ours)).length, 1, 'the bytes are gone');
  t.equal((await stored(ours)).versions[0]?.destroyedAt, null, 'the mark is missing');
  const afterRestart = beside(ours);
  await afterRestart.sweep.run();
  t.same(kinds(afterRestart), ['destroyed web']);
  t.ok((await stored(ours)).versions[0]?.destroyedAt);
});

t.test('a destruction that another replica has marked is neither written again nor reported', async (t) => {
  const ours = replica(t);
  const theirs = beside(ours);
  await make(ours);
  await revokeVersion(ours.deps, 1, { ...asked, name: WEB, idempotencyKey: null });
  ours.store.faults.beforeNext('destroyMaterial', () => theirs.sweep.run());
  const writes = ours.store.faults.calls.get('swap');
  await ours.sweep.run();
  t.same([kinds(ours), kinds(theirs)], [[], ['destroyed web']]);
  t.equal(ours.store.faults.calls.get('swap'), writes);
});

t.test('a deleted keyring is purged when its recovery window is over, and its material destroyed in the same turn', async (t) => {
  const ours = replica(t);
  await make(ours);
  await deleteKeyring(ours.deps, WEB, 7, asked);
  await ours.clock.advance(7 * DAY - 1);
  await ours.sweep.run();
  t.same(ours.outcomes, [], 'no slot is filled in the meantime');
  await ours.clock.advance(1);
  await ours.sweep.run();
  t.same(kinds(ours), ['purged web', 'destroyed web']);
  t.same(await materials(ours), []);
  t.match(await stored(ours), { lifecycle: { state: 'purged' }, versions: [{ version: 1, destroyedAt: ours.clock.now() }] });
});

t.test('a purge that another replica has made is not made again', async (t) => {
  const ours = replica(t);
  const theirs = beside(ours);
  await make(ours);
  await deleteKeyring(ours.deps, WEB, 7, asked);
  await ours.clock.advance(7 * DAY);
  ours.store.faults.beforeNext('swap', () => theirs.sweep.run());
  await ours.sweep.run();
  t.same([kinds(ours), kinds(theirs)], [[], ['purged web', 'destroyed web']]);
});

t.test('one turn does all that is due: it destroys and then rotates', async (t) => {
  const ours = replica(t);
  await make(ours);
  await ours.clock.advance(DAY);
  await ours.sweep.run();
  await ours.clock.advance(DAY);
  await ours.sweep.run();
  t.same(kinds(ours), ['rotated web', 'destroyed web', 'rotated web']);
});

t.test('a clock that is behind the last change is a failure of its own', async (t) => {
  const ours = replica(t);
  await make(ours);
  await ours.clock.advance(12 * HOUR);
  const found = await ours.store.load(WEB);
  if (found !== undefined) await changePolicy(ours.deps, WEB, { schedule: { cron: '0 11 * * *', timeZone: 'UTC' } }, found.revision, asked);
  await ours.clock.advance(11 * HOUR);
  const behind = beside(ours);
  const { load } = behind.store;
  behind.store.load = async (...call) => {
    const stored = await load(...call);
    return stored && { ...stored, keyring: { ...stored.keyring, changed: { ...stored.keyring.changed, at: ours.clock.now() + MINUTE } } };
  };
  await behind.sweep.run();
  t.match(behind.sweep.failing(), [{ name: 'web', code: 'clock_behind' }]);
});

t.test('more keyrings than a page holds are all looked at in one sweep', async (t) => {
  const ours = replica(t);
  await make(ours);
  await ours.clock.advance(12 * HOUR);
  const { due } = ours.store;
  // 500 that cannot be served come first, so that the last one is on a page of its own.
  const names = Array.from({ length: 500 }, (_, index) => parseKeyringName(`k${index}`));
  ours.store.due = async (now, after, limit) => (after === null ? names.map((name) => ({ name, dueAt: START })) : due(now, after, limit));
  await ours.sweep.run();
  t.equal(ours.sweep.failing().length, 500);
  t.equal(kinds(ours).at(-1), 'rotated web');
});
