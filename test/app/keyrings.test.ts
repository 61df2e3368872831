import t from 'tap';
import { changePolicy, createKeyring, deleteKeyring, getKeyring, listKeyrings, restoreKeyring } from '../../src/app/keyrings.ts';
import { parseKeyringName } from '../../src/core/name.ts';
import { DEFAULT_POLICY } from '../../src/core/policy.ts';
import { Secret } from '../../src/core/secret.ts';
import { DAY } from '../../src/core/time.ts';
import type { Revision } from '../../src/ports/store.ts';
import { asked, beside, make, materials, OPERATOR, POLICY, replica, stored, turn, WEB } from './fixture.ts';

t.test('a policy is laid over the defaults of the service, and those over the built-in ones', async (t) => {
  const { deps } = replica(t);
  const { keyring } = await createKeyring(
    deps,
    { tokenLifetimeSeconds: 1_000, leaseSeconds: 500 },
    { ...asked, name: WEB, policy: { leaseSeconds: 400 }, key: null },
  );
  t.same(keyring.policy, { ...DEFAULT_POLICY, tokenLifetimeSeconds: 1_000, leaseSeconds: 400 });
  t.match(keyring, {
    created: { by: OPERATOR, reason: 'a test' },
    versions: [{ version: 1, provenance: { origin: 'generated', bytes: 32 } }],
  });
});

t.test('an unsound policy and a weak key are refused before anything is stored', async (t) => {
  const ours = replica(t);
  const wanted = { ...asked, name: WEB, policy: POLICY, key: null };
  await t.rejects(createKeyring(ours.deps, {}, { ...wanted, policy: { ...POLICY, refreshSeconds: 50 } }), {
    code: 'invalid_policy',
    faults: [{ path: '/policy/refreshSeconds' }],
  });
  await t.rejects(createKeyring(ours.deps, {}, { ...wanted, key: new Secret('') }), { code: 'weak_key' });
  await t.rejects(createKeyring(ours.deps, {}, { ...wanted, key: new Secret('short') }), { code: 'weak_key' });
  t.same(await materials(ours), []);
});

t.test('a policy is changed only on the document that the caller has read', async (t) => {
  const ours = replica(t);
  await make(ours);
  const { revision } = await getKeyring(ours, WEB);
  await turn(ours);
  await t.rejects(changePolicy(ours.deps, WEB, { refreshSeconds: 20 }, revision, asked), { code: 'precondition_failed' });
  const now = (await getKeyring(ours, WEB)).revision;
  const { keyring } = await changePolicy(ours.deps, WEB, { refreshSeconds: 20 }, now, asked);
  t.equal(keyring.policy.refreshSeconds, 20);
  await t.rejects(changePolicy(ours.deps, WEB, { refreshSeconds: 40 }, (await getKeyring(ours, WEB)).revision, asked), {
    code: 'invalid_policy',
  });
});

t.test('a change of policy that loses its swap is refused, not laid over the change of another', async (t) => {
  const ours = replica(t);
  await make(ours);
  const { revision } = await getKeyring(ours, WEB);
  const theirs = beside(ours);
  ours.store.faults.beforeNext('swap', () => changePolicy(theirs.deps, WEB, { refreshSeconds: 15 }, revision, asked));
  await t.rejects(changePolicy(ours.deps, WEB, { leaseSeconds: 50 }, revision, asked), { code: 'precondition_failed' });
  t.match((await stored(ours)).policy, { refreshSeconds: 15, leaseSeconds: 60 });
});

t.test('a deleted keyring can be restored until its recovery window is over', async (t) => {
  const ours = replica(t);
  await make(ours);
  await t.rejects(restoreKeyring(ours.deps, WEB, asked), { code: 'keyring_not_deleted' });
  await deleteKeyring(ours.deps, WEB, 7, asked);
  await t.rejects(turn(ours), { code: 'keyring_deleted' });
  await ours.clock.advance(7 * DAY - 1);
  const { keyring } = await restoreKeyring(ours.deps, WEB, asked);
  t.same(keyring.lifecycle, { state: 'active' });
  t.equal((await ours.reader.read(WEB)).keys.current.version.version, 1);
  await deleteKeyring(ours.deps, WEB, 7, asked);
  await ours.clock.advance(7 * DAY);
  await t.rejects(restoreKeyring(ours.deps, WEB, asked), { code: 'keyring_deleted' });
});

t.test('what is not there is not found, whatever is asked of it', async (t) => {
  const { deps, store } = replica(t);
  const notFound = { code: 'keyring_not_found' };
  await t.rejects(getKeyring({ store }, WEB), notFound);
  await t.rejects(deleteKeyring(deps, WEB, 7, asked), notFound);
  await t.rejects(restoreKeyring(deps, WEB, asked), notFound);
  await t.rejects(changePolicy(deps, WEB, {}, '1' as Revision, asked), notFound);
});

t.test('a list holds only what the caller may touch, and its pages together are the whole', async (t) => {
  const ours = replica(t);
  const names = ['a1', 'b1', 'a2', 'b2', 'a3', 'b3'].map(parseKeyringName).sort();
  for (const name of names) await make(ours, name);
  const mine = (name: string) => name.startsWith('a');
  const seen: string[] = [];
  for (let after: (typeof names)[number] | null = null; ; ) {
    const page: Awaited<ReturnType<typeof listKeyrings>> = await listKeyrings(ours, mine, after, 2);
    t.ok(page.items.length <= 2);
    seen.push(...page.items.map(({ keyring }) => keyring.name));
    if (page.next === null) break;
    after = page.next;
  }
  t.same(seen, ['a1', 'a2', 'a3']);
  t.same(await listKeyrings(ours, () => false, null, 10), { items: [], next: null, unreadable: [] });
});
