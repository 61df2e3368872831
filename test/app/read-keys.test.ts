import { setImmediate as nextTurn } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { changePolicy, deleteKeyring } from '../../src/app/keyrings.ts';
import { revokeVersion } from '../../src/app/rotations.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import { MINUTE, type Millis, SECOND } from '../../src/core/time.ts';
import { asked, beside, make, type Replica, replica, stored, turn, WEB } from './fixture.ts';

/** A replica that has served `web` and proved its copy. */
async function serving(t: Test): Promise<Replica> {
  const ours = replica(t);
  await make(ours);
  await ours.copies.validate();
  await ours.reader.read(WEB);
  return ours;
}

/** Lets time pass as in service: a question to the feed every second. */
async function live({ clock, copies }: Replica, time: Millis): Promise<void> {
  for (let left = time; left > 0; left -= SECOND) {
    await clock.advance(Math.min(left, SECOND));
    await copies.validate().catch(() => undefined);
  }
}

const etagOf = async ({ reader }: Replica) => (await reader.read(WEB)).keys.etag;

t.test('the first read asks the store, those that follow are answered from memory with the same key set', async (t) => {
  const ours = replica(t);
  await make(ours);
  t.equal(ours.reader.peek(WEB), null);
  const first = await ours.reader.read(WEB);
  const calls = new Map(ours.store.faults.calls);
  t.equal(ours.reader.peek(WEB)?.keys, first.keys);
  t.equal((await ours.reader.read(WEB)).keys, first.keys);
  t.same(ours.store.faults.calls, calls);
  t.match(first, { leaseSeconds: 60, keys: { name: 'web', current: { version: { version: 1 } }, previous: [], next: null } });
  t.equal(first.keys.current.material.reveal().length, 64);
});

t.test('a keyring that is not there, or deleted, is told from an outage', async (t) => {
  const ours = await serving(t);
  await t.rejects(ours.reader.read(parseKeyringName('api')), { code: 'keyring_not_found', message: /keyturn create api/ });
  await deleteKeyring(ours.deps, WEB, 7, asked);
  t.equal(ours.reader.peek(WEB), null);
  await t.rejects(ours.reader.read(WEB), { code: 'keyring_deleted' });
  ours.store.faults.down = true;
  await t.rejects(ours.reader.read(parseKeyringName('api')), { code: 'store_unavailable' });
});

t.test('while the store is silent the lease shrinks second by second, then the keys are refused, then it recovers by itself', async (t) => {
  const ours = await serving(t);
  ours.store.faults.down = true;
  for (let second = 0; second < 60; second++) {
    t.equal((await ours.reader.read(WEB)).leaseSeconds, 60 - second);
    t.equal(ours.reader.peek(WEB)?.leaseSeconds, 60 - second);
    await live(ours, SECOND);
  }
  t.equal(ours.reader.peek(WEB), null);
  await t.rejects(ours.reader.read(WEB), { code: 'lease_exhausted', retryAfterSeconds: 5 });
  await live(ours, MINUTE);
  await t.rejects(ours.reader.read(WEB), { code: 'lease_exhausted' });
  ours.store.faults.down = false;
  t.equal((await ours.reader.read(WEB)).leaseSeconds, 60, 'the first read after the outage asks for itself');
  await live(ours, SECOND);
  t.equal(ours.reader.peek(WEB)?.leaseSeconds, 60);
});

t.test('a lease is rounded down, never up', async (t) => {
  const ours = await serving(t);
  await ours.clock.advance(1);
  t.equal(ours.reader.peek(WEB)?.leaseSeconds, 59);
  await ours.clock.advance(999);
  t.equal(ours.reader.peek(WEB)?.leaseSeconds, 59);
  await ours.clock.advance(1);
  t.equal(ours.reader.peek(WEB)?.leaseSeconds, 58);
});

t.test('a copy that is replaced while its material is fetched is not granted the lease of its successor', async (t) => {
  const ours = replica(t);
  const theirs = beside(ours);
  await make(theirs);
  await ours.copies.validate();
  ours.store.faults.beforeNext('getMaterial', async () => {
    await turn(theirs, 'immediate');
    await ours.clock.advance(30 * SECOND);
    await ours.copies.validate();
  });
  const { keys, leaseSeconds } = await ours.reader.read(WEB);
  t.equal(keys.current.version.version, 2);
  t.equal(leaseSeconds, 60);
});

t.test('roles change by time alone, and the etag with them', async (t) => {
  const ours = await serving(t);
  const { versions } = await turn(ours);
  const [, next] = versions;
  const published = await ours.reader.read(WEB);
  t.match(published.keys, { next: { version: { version: 2 } }, until: next?.activatesAt });
  await live(ours, 70 * SECOND - 1);
  t.equal(await etagOf(ours), published.keys.etag);
  await live(ours, 1);
  const activated = await ours.reader.read(WEB);
  t.match(activated.keys, { current: { version: { version: 2 } }, previous: [{ version: { version: 1 } }], next: null });
  t.not(activated.keys.etag, published.keys.etag);
  await live(ours, 670 * SECOND);
  const retired = await ours.reader.read(WEB);
  t.match(retired.keys, { current: { version: { version: 2 } }, previous: [], until: null });
  t.not(retired.keys.etag, activated.keys.etag);
});

t.test('a key that a wrong clock let sign too early signs no more when the clock is set right', async (t) => {
  const ours = await serving(t);
  await turn(ours);
  const published = await etagOf(ours);
  ours.clock.setBack(-5 * MINUTE);
  await ours.copies.validate();
  t.match((await ours.reader.read(WEB)).keys, { current: { version: { version: 2 } } }, 'as that clock says');
  ours.clock.setBack(5 * MINUTE);
  t.equal(ours.reader.peek(WEB), null, 'what was made by the wrong clock is not served');
  t.match((await ours.reader.read(WEB)).keys, { current: { version: { version: 1 } }, next: { version: { version: 2 } } });
  t.equal(await etagOf(ours), published);
  t.not(ours.reader.peek(WEB), null, 'from memory again');
});

t.test('the etag is the same on every replica, and changes exactly when the document or the roles do', async (t) => {
  const ours = await serving(t);
  const theirs = beside(ours);
  const seen = [await etagOf(ours)];
  await live(ours, 5 * MINUTE);
  await ours.copies.reload(WEB);
  t.equal(await etagOf(ours), seen[0], 'neither time nor another look at the store');
  t.equal(await etagOf(theirs), seen[0]);
  const acts = [
    () => turn(ours),
    () => revokeVersion(ours.deps, 2, { ...asked, name: WEB, idempotencyKey: null }),
    () => turn(ours, 'emergency'),
    async () => {
      const found = await ours.store.load(WEB);
      if (found !== undefined) await changePolicy(ours.deps, WEB, { refreshSeconds: 20 }, found.revision, asked);
    },
  ];
  for (const act of acts) {
    await act();
    const etag = await etagOf(ours);
    t.notOk(seen.includes(etag));
    seen.push(etag);
  }
  await revokeVersion(ours.deps, 2, { ...asked, name: WEB, idempotencyKey: null });
  t.equal(await etagOf(ours), seen.at(-1), 'an act that changes nothing');
});

t.test('an outage right after a change takes no keys away: their material was fetched with the change', async (t) => {
  const ours = await serving(t);
  await turn(beside(ours));
  await ours.copies.validate();
  await nextTurn();
  ours.store.faults.down = true;
  t.equal((await ours.reader.read(WEB)).keys.next?.version.version, 2);
});

t.test('a replica that has not heard of a revocation asks again before it calls material missing', async (t) => {
  const ours = await serving(t);
  await turn(ours, 'immediate');
  const late = beside(ours);
  await late.copies.get(WEB);
  await revokeVersion(ours.deps, 1, { ...asked, name: WEB, idempotencyKey: null });
  const [version] = (await stored(ours)).versions;
  if (version === undefined) throw new Error('no version');
  await ours.store.destroyMaterial({ keyring: WEB, ...version });
  const { keys } = await late.reader.read(WEB);
  t.same(keys.versions, [2], 'the answer is of the document after the revocation');
  t.equal(late.store.faults.calls.get('load'), 2, 'asked once more, and no more often');
});

t.test('material that the store has lost is an error of its own, and the keyring heals by rotation', async (t) => {
  const ours = replica(t);
  const [version] = (await make(ours)).versions;
  if (version === undefined) throw new Error('no version');
  await ours.store.destroyMaterial({ keyring: WEB, version: 1, nonce: version.nonce });
  await t.rejects(ours.reader.read(WEB), { code: 'material_missing', message: /version 1/ });
  await turn(ours, 'emergency');
  t.equal((await ours.reader.read(WEB)).keys.current.version.version, 2);
});

t.test('a store that fails while material is fetched is an outage, and the next read tries again', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.failNext('getMaterial', new KeyturnError('store_unavailable', 'down'));
  await t.rejects(ours.reader.read(WEB), { code: 'store_unavailable' });
  t.equal((await ours.reader.read(WEB)).keys.current.version.version, 1);
});

t.test('reads at once of a keyring that nobody has read yet share the work', async (t) => {
  const ours = beside(replica(t));
  await make(ours);
  const reads = await Promise.all(Array.from({ length: 50 }, () => ours.reader.read(WEB)));
  t.equal(new Set(reads.map(({ keys }) => keys)).size, 1);
  t.equal(ours.store.faults.calls.get('getMaterial'), 1);
});
