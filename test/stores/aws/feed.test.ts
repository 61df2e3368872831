import t from 'tap';
import { encodeKeyring } from '../../../src/core/codec.ts';
import { MINUTE } from '../../../src/core/time.ts';
import { writeValue } from '../../../src/stores/aws/value.ts';
import { versionIdOf } from '../../../src/stores/aws/version-id.ts';
import type { AwsDouble } from '../../support/aws-double/server.ts';
import { ManualClock } from '../../support/clock.ts';
import { createIn, dueOn, keyring, loadFrom, named, rotated, T0 } from '../keyrings.ts';
import { openDoubled, PREFIX } from './fixture.ts';

/** Keyrings that are at AWS before anybody looks. */
function fill(double: AwsDouble, count: number): string[] {
  const names = Array.from({ length: count }, (_, index) => `k${index}`);
  for (const [index, name] of names.entries()) {
    const secret = `${PREFIX}/keyring/${name}`;
    const text = encodeKeyring(dueOn(keyring(name), T0 + index));
    const SecretString = writeValue({ count: 1, tag: '0123456789ab', text }, secret);
    double.secrets.create({ Name: secret, SecretString, ClientRequestToken: versionIdOf(secret, 1) });
  }
  return names;
}

t.test('copies are proven true twenty a question, and only those that are held', async (t) => {
  const { store, double } = await openDoubled(t);
  const names = fill(double, 50).map(named);
  const held = names.slice(0, 41);
  for (const name of held) await store.load(name);
  const { cursor } = await store.changes(null);
  const before = double.count();
  t.same((await store.changes(cursor, { held })).names, []);
  t.equal(double.count(), before + 3);
  t.equal(double.count('ListSecrets'), 0);
});

t.test('a change by another replica is named while lists are late, and again to who asks from the same cursor', async (t) => {
  const { store, double, open } = await openDoubled(t);
  const { store: other } = await open();
  const first = keyring('web');
  const revision = await createIn(other, first);
  await loadFrom(store, 'web');
  const { cursor } = await store.changes(null);
  double.secrets.remember();
  double.lateLists = true;
  await other.swap(rotated(first), revision);
  for (const asked of ['first', 'again']) t.same((await store.changes(cursor, { held: [named('web')] })).names, ['web'], asked);
});

t.test('what somebody else in this process saw first is still named', async (t) => {
  const { store, open } = await openDoubled(t);
  const { store: other } = await open();
  const first = keyring('web');
  const revision = await createIn(other, first);
  await loadFrom(store, 'web');
  const { cursor } = await store.changes(null);
  await other.swap(rotated(first), revision);
  await loadFrom(store, 'web');
  t.same((await store.changes(cursor, { held: [named('web')] })).names, ['web']);
});

t.test('a cursor of an earlier process names everything that is held', async (t) => {
  const { store, open } = await openDoubled(t);
  await createIn(store, keyring('web'));
  const { cursor } = await store.changes(null);
  const { store: restarted } = await open();
  t.same((await restarted.changes(cursor, { held: [named('web')] })).names, ['web']);
});

t.test('one that AWS no longer has is named, so that loading it fails', async (t) => {
  const { store, double } = await openDoubled(t);
  await createIn(store, keyring('web'));
  const { cursor } = await store.changes(null);
  double.secrets.delete({ SecretId: `${PREFIX}/keyring/web`, ForceDeleteWithoutRecovery: true });
  t.same((await store.changes(cursor, { held: [named('web')] })).names, ['web']);
});

t.test('what is due of 2,000 keyrings is known after one list and one batch for each twenty; then it costs nothing', async (t) => {
  const clock = new ManualClock();
  const { store, double } = await openDoubled(t, { clock });
  fill(double, 2_000);
  t.equal((await store.due(T0 + 999, null, 5_000)).length, 1_000);
  t.same([double.count('ListSecrets'), double.count('BatchGetSecretValue'), double.count('GetSecretValue')], [20, 100, 0]);
  const calls = double.count();
  for (let second = 0; second < 59; second++) {
    await clock.advance(1_000);
    t.equal((await store.due(T0 + 999, null, 5_000)).length, 1_000);
  }
  t.equal(double.count(), calls);
});

t.test('a keyring that another replica made or changed enters the index within a minute', async (t) => {
  const clock = new ManualClock();
  const { store, open } = await openDoubled(t, { clock });
  const { store: other } = await open();
  const before = dueOn(keyring('old'), T0 + 5);
  const revision = await createIn(other, before);
  const due = async () => (await store.due(T0 + 10, null, 10)).map(({ name, dueAt }) => [name, dueAt - T0]);
  t.same(await due(), [['old', 5]]);
  await other.swap(dueOn(before, T0 + 7), revision);
  await createIn(other, dueOn(keyring('new'), T0 + 6));
  await clock.advance(MINUTE);
  t.same(await due(), [
    ['new', 6],
    ['old', 7],
  ]);
});
