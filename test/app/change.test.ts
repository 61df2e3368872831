import t from 'tap';
import { change } from '../../src/app/change.ts';
import { createKeyring } from '../../src/app/keyrings.ts';
import { KeyturnError } from '../../src/core/errors.ts';
import { SECOND } from '../../src/core/time.ts';
import { asked, beside, make, materials, POLICY, replica, stored, turn, WEB } from './fixture.ts';

t.test('a change that loses its swap destroys its orphan, decides again and wins', async (t) => {
  const ours = replica(t);
  const theirs = beside(ours);
  await make(ours);
  ours.store.faults.beforeNext('swap', () => turn(theirs, 'immediate'));
  const keyring = await turn(ours, 'immediate');
  t.same(
    keyring.versions.map(({ version }) => version),
    [1, 2, 3],
  );
  t.same(await stored(ours), keyring);
  t.equal((await materials(ours)).length, 3, 'the material of the lost swap is gone');
  t.equal(ours.store.faults.calls.get('putMaterial'), 3);
});

t.test('an orphan that cannot be destroyed does not stop the change', async (t) => {
  const ours = replica(t);
  const theirs = beside(ours);
  await make(ours);
  ours.store.faults.beforeNext('swap', () => turn(theirs, 'immediate'));
  ours.store.faults.failNext('destroyMaterial');
  t.equal((await turn(ours, 'immediate')).versions.length, 3);
  t.equal((await materials(ours)).length, 4, 'it is left to destroyOrphans');
});

t.test('a swap whose answer was lost is recognised by its change id', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.loseNextAnswer('swap');
  const keyring = await turn(ours);
  t.same(await stored(ours), keyring);
  t.equal(keyring.versions.length, 2, 'it happened once');
  t.equal(ours.store.faults.calls.get('swap'), 2, 'and was not sent again');
});

t.test('a swap whose answer was lost and that cannot be looked up fails, and keeps the material that it may have published', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.beforeNext('swap', () => ours.store.faults.failNext('load'));
  ours.store.faults.loseNextAnswer('swap');
  await t.rejects(turn(ours), { code: 'store_unavailable' });
  t.equal((await stored(ours)).versions.length, 2);
  t.equal((await materials(ours)).length, 2);
});

t.test('what fails before the commit changes nothing', async (t) => {
  const ours = replica(t);
  const before = await make(ours);
  ours.store.faults.failNext('putMaterial');
  await t.rejects(turn(ours), { code: 'store_unavailable' });
  ours.store.faults.failNext('load');
  await t.rejects(turn(ours), { code: 'store_unavailable' });
  ours.store.faults.failNext('swap', new KeyturnError('store_full', 'full'));
  await t.rejects(turn(ours), { code: 'store_full' });
  const refusal = () => {
    throw new KeyturnError('forbidden', 'no');
  };
  await t.rejects(change(ours.deps, { ...asked, name: WEB, step: refusal }), { code: 'forbidden' });
  t.same(await stored(ours), before);
});

t.test('a step that returns the same keyring writes nothing', async (t) => {
  const ours = replica(t);
  const before = await make(ours);
  const { revision } = await change(ours.deps, {
    ...asked,
    name: WEB,
    step: (found) => ({ keyring: found?.keyring ?? before, publishes: null }),
  });
  t.equal(revision, (await ours.store.load(WEB))?.revision);
  t.equal(ours.store.faults.calls.get('swap'), 1, 'only the creation');
});

t.test('twenty lost swaps are a conflict that says to try again, and leave no orphan', async (t) => {
  const ours = replica(t);
  const theirs = beside(ours);
  await make(ours, WEB, { ...POLICY, tokenLifetimeSeconds: 1 });
  let lost = 0;
  const beaten = async (): Promise<void> => {
    lost++;
    await turn(theirs, 'immediate');
    ours.store.faults.beforeNext('swap', beaten);
  };
  ours.store.faults.beforeNext('swap', beaten);
  await t.rejects(turn(ours, 'immediate'), { code: 'conflict', retryAfterSeconds: 1 });
  t.equal(lost, 20);
  t.equal((await materials(ours)).length, 21, 'the first and the twenty of the winners');
});

t.test('two creations at once make one keyring', async (t) => {
  const ours = replica(t);
  const wanted = { ...asked, name: WEB, policy: POLICY, key: null };
  ours.store.faults.beforeNext('swap', () => make(beside(ours)));
  await t.rejects(createKeyring(ours.deps, {}, wanted), { code: 'keyring_exists' });
  t.equal((await materials(ours)).length, 1);
});

/** Of the policy: lease and skew; lease, token lifetime and skew. */
const PROPAGATION = 70 * SECOND;
const GRACE = 670 * SECOND;
const SLOW = 6 * SECOND;

t.test('simulator 277: a rotation whose swap took more than half of the skew activates later by as much', async (t) => {
  for (const method of ['putMaterial', 'swap'] as const) {
    const ours = replica(t);
    await make(ours);
    ours.store.faults.beforeNext(method, () => ours.clock.advance(SLOW));
    const keyring = await turn(ours, 'scheduled');
    const [first, second] = keyring.versions;
    const committed = ours.clock.now();
    t.equal(second?.activatesAt, committed + PROPAGATION, `slow: ${method}`);
    t.equal(first?.verifyUntil, committed + PROPAGATION + GRACE);
    t.same(await stored(ours), keyring);
    t.same((await ours.copies.get(WEB))?.keyring, keyring);
  }
});

t.test('a swap within half of the skew leaves all as it was', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.beforeNext('swap', () => ours.clock.advance(5 * SECOND));
  const { versions, changed } = await turn(ours, 'scheduled');
  t.equal(versions[1]?.activatesAt, changed.at + PROPAGATION);
  t.equal(ours.store.faults.calls.get('swap'), 2);
});

t.test('a slow swap that cannot be put right counts as done', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.beforeNext('swap', async () => {
    await ours.clock.advance(SLOW);
    ours.store.faults.down = true;
  });
  t.equal((await turn(ours, 'scheduled')).versions.length, 2);
});
