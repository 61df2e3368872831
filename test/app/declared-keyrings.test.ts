import t from 'tap';
import { type DeclaredKeyring, declareKeyrings } from '../../src/app/declared-keyrings.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import { DEFAULT_POLICY } from '../../src/core/policy.ts';
import { Secret } from '../../src/core/secret.ts';
import { SCHEDULER } from '../../src/core/version.ts';
import { beside, make, materials, POLICY, replica, stored, WEB } from './fixture.ts';

const policy = { ...DEFAULT_POLICY, ...POLICY };
const declared = (fields: Partial<DeclaredKeyring> = {}): DeclaredKeyring => ({ name: WEB, policy, imported: null, ...fields });
const KEY = '8d1f0c5a7be94f23a6d07c51e2938b4f6a1c0de59f7b3348c2a16e0d5b94f7c3';

t.test('a declared keyring is created once; declared again it is unchanged', async (t) => {
  const ours = replica(t);
  t.same(await declareKeyrings(ours.deps, [declared()]), [{ name: 'web', outcome: 'created' }]);
  const keyring = await stored(ours);
  t.match(keyring, { policy, created: { by: SCHEDULER, reason: 'declared in the configuration' }, versions: [{ kind: 'created' }] });
  t.same(await declareKeyrings(ours.deps, [declared()]), [{ name: 'web', outcome: 'unchanged' }]);
  t.same(await stored(ours), keyring);
});

t.test('one that exists with another policy stays as it is, and its differences are named', async (t) => {
  const ours = replica(t);
  const keyring = await make(ours);
  const other = { ...policy, leaseSeconds: 50, schedule: { cron: '0 1 * * *', timeZone: 'UTC' } };
  t.same(await declareKeyrings(ours.deps, [declared({ policy: other })]), [
    { name: 'web', outcome: 'differs', fields: ['schedule', 'leaseSeconds'] },
  ]);
  t.same(await stored(ours), keyring);
});

t.test('a key to import becomes the first version; it may be gone once the keyring exists', async (t) => {
  const ours = replica(t);
  await declareKeyrings(ours.deps, [declared({ imported: { key: new Secret(KEY) } })]);
  t.equal((await stored(ours)).versions[0]?.kind, 'imported');
  t.equal((await ours.reader.read(WEB)).keys.current.material.reveal(), KEY);
  t.same(await declareKeyrings(ours.deps, [declared({ imported: { key: null } })]), [{ name: 'web', outcome: 'unchanged' }]);
});

t.test('a key to import that is missing is a fault of the configuration, and nothing is generated in its place', async (t) => {
  const ours = replica(t);
  await t.rejects(declareKeyrings(ours.deps, [declared({ imported: { key: null } })]), { code: 'invalid_config', message: /Keyring web/ });
  t.equal(await ours.store.load(WEB), undefined);
  t.same(await materials(ours), []);
});

t.test('two replicas that start at once make one keyring', async (t) => {
  const ours = replica(t);
  ours.store.faults.beforeNext('swap', () => declareKeyrings(beside(ours).deps, [declared()]));
  t.same(await declareKeyrings(ours.deps, [declared()]), [{ name: 'web', outcome: 'unchanged' }]);
  t.equal((await materials(ours)).length, 1);
});

t.test('an outage is not absence: nothing is created, the start fails', async (t) => {
  const ours = replica(t);
  await make(ours);
  ours.store.faults.failNext('load');
  await t.rejects(declareKeyrings(ours.deps, [declared()]), { code: 'store_unavailable' });
  t.equal((await ours.store.page(null, 10)).items.length, 1);
});

t.test('many are looked at at once, and each comes back in its place; after a failure no more are begun', async (t) => {
  const ours = replica(t);
  const many = Array.from({ length: 40 }, (_, index) => declared({ name: parseKeyringName(`web-${index}`) }));
  t.same(
    (await declareKeyrings(ours.deps, many)).map(({ name }) => name),
    many.map(({ name }) => name),
  );
  const others = many.map(({ name }) => declared({ name: parseKeyringName(`other-${name}`) }));
  ours.store.faults.failNext('load');
  await t.rejects(declareKeyrings(ours.deps, others), { code: 'store_unavailable' });
  t.ok((await ours.store.page(null, 100)).items.length < 40 + 16);
});
