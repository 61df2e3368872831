import t from 'tap';
import { HOUR } from '../../../src/core/time.ts';
import { hurried } from '../../support/aws.ts';
import { ManualClock } from '../../support/clock.ts';
import { createIn, keyring, loadFrom, named, rotated, withPast } from '../keyrings.ts';
import { DOCUMENT, openDoubled } from './fixture.ts';

t.test('a swap whose answer was lost is found out to have won, with one version written', async (t) => {
  const { store, double } = await openDoubled(t);
  const first = keyring('web');
  double.loseNextAnswer('CreateSecret');
  const revision = await createIn(store, first);
  double.loseNextAnswer('PutSecretValue');
  const second = rotated(first);
  t.type(await store.swap(second, revision), 'string');
  t.same((await loadFrom(store, 'web')).keyring, second);
  t.equal(double.secrets.textsOf(DOCUMENT).length, 2);
});

t.test('a version that exists because we wrote it is our own victory', async (t) => {
  const { store, double } = await openDoubled(t);
  const first = keyring('web');
  const refused = { status: 400, type: 'ResourceExistsException' };
  double.loseNextAnswer('CreateSecret');
  double.failNext('CreateSecret', refused);
  const revision = await createIn(store, first);
  double.loseNextAnswer('PutSecretValue');
  double.failNext('PutSecretValue', refused);
  t.type(await store.swap(rotated(first), revision), 'string');
});

t.test('of two writers that both read the same revision AWS lets one write', async (t) => {
  const { store, double, open } = await openDoubled(t);
  const { store: other } = await open();
  const first = keyring('web');
  const revision = await createIn(store, first);
  await loadFrom(other, 'web');
  const gate = Promise.withResolvers<void>();
  double.delayNext('PutSecretValue', gate.promise);
  const slow = store.swap(rotated(first), revision);
  const winner = rotated(first);
  t.type(await other.swap(winner, revision), 'string');
  gate.resolve();
  t.equal(await slow, null);
  t.same((await loadFrom(store, 'web')).keyring, winner);
});

t.test('a writer that died half way has swapped, for everybody who meets its version', async (t) => {
  const { store, double, open } = await openDoubled(t);
  const [one, two] = [await open(), await open()];
  const first = keyring('web');
  const revision = await createIn(store, first);
  for (const each of [one, two]) await loadFrom(each.store, 'web');
  const dead = rotated(first);
  double.dieHalfWay();
  double.failNext('PutSecretValue', { status: 500, type: 'InternalServiceError' }, 5);
  await t.rejects(store.swap(dead, revision), { code: 'store_unavailable' });
  t.same((await loadFrom(two.store, 'web')).keyring, first, 'the label was left behind');
  t.equal(await one.store.swap(rotated(first), revision), null, 'its step is taken');
  t.same((await loadFrom(one.store, 'web')).keyring, dead, 'the loser reads what won');
  t.same((await loadFrom(two.store, 'web')).keyring, dead, 'and has moved the label for the others');
  const { revision: next } = await loadFrom(two.store, 'web');
  t.type(await two.store.swap(rotated(dead), next), 'string', 'life goes on');
});

t.test('no read is older than what this replica has seen, however late AWS answers', async (t) => {
  const { store, double } = await openDoubled(t);
  const first = keyring('web');
  const revision = await createIn(store, first);
  double.secrets.remember();
  const second = rotated(first);
  await store.swap(second, revision);
  for (const lateReads of [1, 3, 100]) {
    double.lateReads = lateReads;
    t.same((await loadFrom(store, 'web')).keyring, second, `${lateReads} late answers`);
  }
});

t.test('a keyring that another replica made a moment ago is not taken for absent, nor made again', async (t) => {
  const { store, double, open } = await openDoubled(t);
  const { store: other } = await open();
  double.secrets.remember();
  const first = keyring('web');
  await createIn(other, first);
  double.lateReads = 1;
  t.same((await loadFrom(store, 'web')).keyring, first, 'the first "not found" is asked again');
  const { store: third } = await open();
  double.lateReads = 3;
  t.equal(await third.swap(keyring('web'), null), null);
  double.lateReads = 2;
  t.same((await loadFrom(third, 'web')).keyring, first, 'what is known to exist is not absent');
});

t.test('a document that is gone although it was known is an outage, not an absence', async (t) => {
  const { store, double } = await openDoubled(t);
  const revision = await createIn(store, keyring('web'));
  double.secrets.delete({ SecretId: DOCUMENT, ForceDeleteWithoutRecovery: true });
  await t.rejects(store.load(named('web')), { code: 'store_unavailable', message: /holds|held/ });
  await t.rejects(store.swap(rotated(keyring('web')), revision), { code: 'store_unavailable' });
});

t.test('a secret that was deleted and made anew by hand is believed, and life goes on', async (t) => {
  const { store, double, open } = await openDoubled(t);
  const { store: other } = await open();
  await createIn(store, keyring('web'));
  double.secrets.delete({ SecretId: DOCUMENT, ForceDeleteWithoutRecovery: true });
  const anew = keyring('web');
  await createIn(other, anew);
  const { keyring: found, revision } = await loadFrom(store, 'web');
  t.same(found, anew);
  t.type(await store.swap(rotated(anew), revision), 'string');
});

t.test('a secret that somebody deleted with a recovery window says how to bring it back', async (t) => {
  const { store, double } = await openDoubled(t);
  const revision = await createIn(store, keyring('web'));
  double.secrets.schedule(DOCUMENT);
  const calls: readonly (() => Promise<unknown>)[] = [
    () => store.load(named('web')),
    () => store.swap(keyring('web'), null),
    () => store.swap(keyring('web'), revision),
  ];
  for (const call of calls) {
    await t.rejects(call(), { code: 'store_read_only', message: /restore-secret --secret-id keyturn-test\/keyring\/web/ });
  }
});

t.test('a revision of long ago is looked at again: AWS forgets the versions that would refuse it', async (t) => {
  const clock = new ManualClock();
  const { store, double, open } = await openDoubled(t, { clock });
  const { store: other } = await open();
  const first = keyring('web');
  const stale = await createIn(store, first);
  let { keyring: latest, revision } = await loadFrom(other, 'web');
  for (let swaps = 0; swaps < 3; swaps++) {
    latest = rotated(latest);
    const swapped = await other.swap(latest, revision);
    if (swapped !== null) revision = swapped;
  }
  double.secrets.forgetOldVersions();
  await clock.advance(HOUR);
  t.equal(await store.swap(rotated(first), stale), null);
  t.same((await loadFrom(store, 'web')).keyring, latest);
});

t.test('a document stays readable JSON while it is short, and is compressed when it is long', async (t) => {
  const { store, double } = await openDoubled(t);
  await createIn(store, keyring('web'));
  const [plain = ''] = double.secrets.textsOf(DOCUMENT);
  t.match(JSON.parse(plain), { keyturn: 1, revision: /^1-[0-9a-f]{12}$/, document: { name: 'web', created: { at: /^2026-/ } } });
  await createIn(store, withPast('long', 100));
  const [long = ''] = double.secrets.textsOf('keyturn-test/keyring/long');
  t.match(JSON.parse(long), { keyturn: 1, brotli: /^[A-Za-z0-9+/]+=*$/ });
});

t.test('what Keyturn did not write is a corrupt document, and the others can be read', async (t) => {
  const { store, double } = await openDoubled(t);
  await createIn(store, keyring('fine'));
  const texts = [
    '',
    '{',
    '{"keyturn":2}',
    '{"keyturn":1,"revision":"1-0123456789ab","brotli":"AAAA"}',
    '{"keyturn":1,"revision":"x","document":{}}',
  ];
  for (const [index, SecretString] of texts.entries()) {
    double.secrets.create({ Name: `keyturn-test/keyring/bad${index}`, SecretString, ClientRequestToken: `${index}` });
    await t.rejects(store.load(named(`bad${index}`)), { code: 'corrupt_document' }, SecretString);
  }
  t.equal((await loadFrom(store, 'fine')).keyring.name, 'fine');
  const { cursor } = await store.changes(null);
  t.equal((await store.changes(cursor)).names.length, texts.length, 'the feed goes on, and names those that cannot be read');
});

t.test('pauses between attempts grow', async (t) => {
  const { store } = await openDoubled(t);
  hurried.waits.length = 0;
  await store.getMaterial({ keyring: named('web'), version: 1, nonce: '0123456789abcdef' as never });
  t.same(hurried.waits, [100, 200, 400]);
});
