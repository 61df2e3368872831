import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { destroyOrphans } from '../../src/app/orphans.ts';
import { Secret } from '../../src/core/secret.ts';
import { MINUTE, SECOND } from '../../src/core/time.ts';
import type { MaterialNonce } from '../../src/core/version.ts';
import { make, materials, type Replica, replica, START, turn, WEB } from './fixture.ts';

const put = ({ store }: Replica, keyring = WEB, version = 2, nonce = 'feedfeedfeedfeed') =>
  store.putMaterial({ keyring, version, nonce: nonce as MaterialNonce }, new Secret('a'.repeat(64)));

t.test('material that no document refers to is destroyed, that of every document stays', async (t) => {
  const ours = replica(t);
  await make(ours);
  await turn(ours);
  await put(ours, WEB, 2, 'feedfeedfeedfeed');
  await put(ours, 'api' as typeof WEB, 1, 'feedfeedfeedfee2');
  t.equal((await materials(ours)).length, 4);
  t.equal(await destroyOrphans(ours.store, START + 1, nextTurn), 2);
  t.equal((await materials(ours)).length, 2);
  await ours.reader.read(WEB);
  t.equal(await destroyOrphans(ours.store, START + 1, nextTurn), 0);
});

t.test('material that is younger than the limit may be about to be published: it stays', async (t) => {
  const ours = replica(t);
  await make(ours);
  await ours.clock.advance(SECOND);
  await put(ours);
  t.equal(await destroyOrphans(ours.store, ours.clock.now(), nextTurn), 0);
  t.equal(await destroyOrphans(ours.store, ours.clock.now() + 1, nextTurn), 1);
});

t.test('what a writer left that gave up between its key and its swap is found', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.failNext('swap');
  await t.rejects(turn(ours), { code: 'store_unavailable' });
  t.equal((await materials(ours)).length, 2);
  await ours.clock.advance(11 * MINUTE);
  t.equal(await destroyOrphans(ours.store, ours.clock.now() - 10 * MINUTE, nextTurn), 1);
});

t.test('a swap that happened although its answer was lost keeps its material', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.beforeNext('swap', () => ours.store.faults.failNext('load'));
  ours.store.faults.loseNextAnswer('swap');
  await t.rejects(turn(ours), { code: 'store_unavailable' });
  t.equal(await destroyOrphans(ours.store, START + MINUTE, nextTurn), 0);
});

t.test('an outage is never absence: what cannot be looked up is not destroyed', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.failNext('load');
  await t.rejects(destroyOrphans(ours.store, START + 1, nextTurn), { code: 'store_unavailable' });
  t.equal((await materials(ours)).length, 1);
});
