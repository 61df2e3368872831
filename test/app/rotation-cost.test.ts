import t from 'tap';
import { createKeyring } from '../../src/app/keyrings.ts';
import { rotateKeyring } from '../../src/app/rotations.ts';
import { DAY } from '../../src/core/time.ts';
import { asked, POLICY, type Replica, replica, WEB } from './fixture.ts';

const WRITES = ['putMaterial', 'swap', 'destroyMaterial'] as const;

/** How often each write was asked of the store since the last look. */
function counting({ store }: Replica): () => readonly number[] {
  const count = () => WRITES.map((method) => store.faults.calls.get(method) ?? 0);
  let before = count();
  return () => {
    const now = count();
    const since = now.map((calls, index) => calls - (before[index] ?? 0));
    before = now;
    return since;
  };
}

t.test('a rotation on request costs one write of material and one swap', async (t) => {
  const ours = replica(t);
  await createKeyring(ours.deps, {}, { name: WEB, policy: POLICY, key: null, ...asked });
  const writes = counting(ours);
  await rotateKeyring(ours.deps, 'immediate', { name: WEB, idempotencyKey: null, ...asked });
  t.same(writes(), [1, 1, 0]);
  await rotateKeyring(ours.deps, 'scheduled', { name: WEB, idempotencyKey: 'once', ...asked });
  t.same(writes(), [1, 1, 0]);
  await rotateKeyring(ours.deps, 'scheduled', { name: WEB, idempotencyKey: 'once', ...asked });
  t.same(writes(), [0, 0, 0], 'and the same request again costs nothing');
});

t.test('so does the rotation of a slot, and a sweep with nothing to do writes nothing', async (t) => {
  const ours = replica(t);
  await createKeyring(ours.deps, {}, { name: WEB, policy: POLICY, key: null, ...asked });
  const writes = counting(ours);
  await ours.sweep.run();
  t.same(writes(), [0, 0, 0]);
  await ours.clock.advance(DAY / 2);
  await ours.sweep.run();
  t.same(writes(), [1, 1, 0]);
  t.equal(ours.outcomes.length, 1);
});
