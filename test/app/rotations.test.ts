import t from 'tap';
import { revokeVersion, rotateKeyring } from '../../src/app/rotations.ts';
import type { Actor, PrincipalId } from '../../src/core/version.ts';
import { asked, beside, make, materials, type Replica, replica, stored, WEB } from './fixture.ts';

const KEY = 'the-idempotency-key-of-a-pipeline';
const rotate = ({ deps }: Replica, changes: object = {}) =>
  rotateKeyring(deps, 'immediate', { ...asked, name: WEB, idempotencyKey: KEY, ...changes });

t.test('a request that is repeated with its key is answered again and done once', async (t) => {
  const ours = replica(t);
  await make(ours);
  const first = await rotate(ours);
  const second = await rotate(beside(ours));
  t.match([first.replayed, second.replayed], [false, true]);
  t.same(second.version, first.version);
  t.equal(second.revision, first.revision);
  t.equal((await stored(ours)).versions.length, 2);
  t.equal((await materials(ours)).length, 2);
});

t.test('a request whose answer was lost is answered by its repetition', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.beforeNext('swap', () => ours.store.faults.failNext('load'));
  ours.store.faults.loseNextAnswer('swap');
  await t.rejects(rotate(ours), { code: 'store_unavailable' });
  t.match(await rotate(ours), { replayed: true, version: { version: 2 } });
});

t.test('the same request twice at the same moment is done once', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.beforeNext('swap', () => rotate(beside(ours)));
  t.match(await rotate(ours), { replayed: true, version: { version: 2 } });
  t.equal((await materials(ours)).length, 2);
});

t.test('the key of one request cannot ask for another: kind, reason and act all count', async (t) => {
  const ours = replica(t);
  await make(ours);
  await rotate(ours);
  const mismatch = { code: 'idempotency_mismatch' };
  await t.rejects(rotate(ours, { reason: 'another' }), mismatch);
  await t.rejects(rotateKeyring(ours.deps, 'emergency', { ...asked, name: WEB, idempotencyKey: KEY }), mismatch);
  await t.rejects(revokeVersion(ours.deps, 1, { ...asked, name: WEB, idempotencyKey: KEY }), mismatch);
  t.equal((await stored(ours)).versions.length, 2);
});

t.test('the same key of another caller is another request', async (t) => {
  const ours = replica(t);
  await make(ours);
  await rotate(ours);
  const other: Actor = { id: 'token:other' as PrincipalId, name: 'an operator' };
  t.match(await rotate(ours, { by: other }), { replayed: false, version: { version: 3 } });
});

t.test('without a key every request is a new one', async (t) => {
  const ours = replica(t);
  await make(ours);
  await rotate(ours, { idempotencyKey: null });
  t.match(await rotate(ours, { idempotencyKey: null }), { replayed: false, version: { version: 3 } });
  t.same((await stored(ours)).requests, []);
});

t.test('a refused request is not remembered: it may be asked again', async (t) => {
  const ours = replica(t);
  await make(ours);
  const scheduled = () => rotateKeyring(ours.deps, 'scheduled', { ...asked, name: WEB, idempotencyKey: KEY });
  await rotateKeyring(ours.deps, 'scheduled', { ...asked, name: WEB, idempotencyKey: null });
  await t.rejects(scheduled(), { code: 'rotation_under_way' });
  await ours.clock.advance(70_000);
  t.match(await scheduled(), { replayed: false, version: { version: 3 } });
});

t.test('a revocation is answered once, too, and revoking what is revoked writes nothing', async (t) => {
  const ours = replica(t);
  await make(ours);
  const revoke = (idempotencyKey: string | null) => revokeVersion(ours.deps, 1, { ...asked, name: WEB, idempotencyKey });
  const first = await revoke(KEY);
  t.match(first, { replayed: false, version: { version: 2, kind: 'replacement' } });
  t.match(await revoke(KEY), { replayed: true, version: { version: 2 }, revision: first.revision });
  t.match(await revoke(null), { replayed: false, revision: first.revision });
  await t.rejects(revokeVersion(ours.deps, 9, { ...asked, name: WEB, idempotencyKey: null }), { code: 'version_not_found' });
});
