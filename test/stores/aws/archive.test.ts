import { randomBytes } from 'node:crypto';
import t from 'tap';
import { checkKeyring, type Keyring } from '../../../src/core/keyring.ts';
import { DAY } from '../../../src/core/time.ts';
import type { MaterialNonce, Version } from '../../../src/core/version.ts';
import { readValue, writeValue } from '../../../src/stores/aws/value.ts';
import { createIn, dueOn, keyring, loadFrom, named, T0 } from '../keyrings.ts';
import { openDoubled, PREFIX } from './fixture.ts';

/** A keyring with a long past like a real one: nothing in it repeats that does not repeat in life. */
function grown(versions: number, reason: (index: number) => string = (index) => `someone left the team, ticket OPS-${index * 7}`): Keyring {
  const [first] = keyring('web').versions;
  if (first === undefined) throw new Error('a keyring has a version');
  const past = Array.from({ length: versions }, (_, index): Version => {
    const at = T0 + index * DAY + (index % 997);
    const created = { ...first.created, at, reason: reason(index) };
    const ended = index < versions - 1 ? { verifyUntil: at + 31 * DAY, destroyedAt: at + 32 * DAY } : {};
    const nonce = randomBytes(8).toString('hex') as MaterialNonce;
    return { ...first, version: index + 1, nonce, created, activatesAt: at + DAY, ...ended };
  });
  return checkKeyring({ ...keyring('web'), versions: past });
}

const archived = (names: readonly string[]) => names.filter((name) => name.startsWith(`${PREFIX}/archive/web/`)).length;

t.test('500 versions of real life need one secret', async (t) => {
  const { store, double, open } = await openDoubled(t);
  const document = grown(500);
  await createIn(store, document);
  t.same((await loadFrom((await open()).store, 'web')).keyring, document);
  t.same(double.secrets.names, [`${PREFIX}/keyring/web`]);
});

t.test('3,000 versions are kept whole, the oldest in parts that are written once', async (t) => {
  const { store, double, open } = await openDoubled(t);
  const document = grown(3_000);
  const revision = await createIn(store, document);
  t.equal(archived(double.secrets.names), 5);
  const { store: other } = await open();
  t.same((await loadFrom(other, 'web')).keyring, document);
  const writes = double.count('CreateSecret', 'PutSecretValue');
  const later = dueOn(document, T0 + DAY);
  t.type(await other.swap(later, revision), 'string');
  t.equal(double.count('CreateSecret', 'PutSecretValue') - writes, 1, 'the parts are known from reading them');
  t.same((await loadFrom(store, 'web')).keyring, later);
});

t.test('long reasons make smaller parts; what cannot be made to fit is refused and changes nothing', async (t) => {
  const { store } = await openDoubled(t);
  const wordy = grown(400, () => randomBytes(150).toString('hex'));
  const revision = await createIn(store, wordy);
  t.same((await loadFrom(store, 'web')).keyring, wordy);
  const open = wordy.versions.map((version) => ({ ...version, destroyedAt: null }));
  await t.rejects(store.swap({ ...wordy, versions: open }, revision), { code: 'store_full' });
  t.equal((await loadFrom(store, 'web')).revision, revision);
});

t.test('a part that is missing or changed makes the document corrupt, not shorter', async (t) => {
  const { store, double, open } = await openDoubled(t);
  await createIn(store, grown(2_000));
  const [part = ''] = double.secrets.names.filter((name) => name.includes('/archive/'));
  const [value = ''] = double.secrets.textsOf(part);
  double.secrets.delete({ SecretId: part, ForceDeleteWithoutRecovery: true });
  await t.rejects((await open()).store.load(named('web')), { code: 'corrupt_document', message: /archive/ });
  const cell = readValue(value, part);
  const SecretString = writeValue({ ...cell, text: cell.text.replace('someone left', 'nobody left') }, part);
  double.secrets.create({ Name: part, SecretString, ClientRequestToken: 'x' });
  await t.rejects((await open()).store.load(named('web')), { code: 'corrupt_document', message: /archive/ });
});

t.test('a part that was written a moment ago by another replica is waited for', async (t) => {
  const { store, double, open } = await openDoubled(t);
  const document = grown(2_000);
  await createIn(store, keyring('other'));
  double.secrets.remember();
  const revision = await createIn(store, document);
  const { store: other } = await open();
  double.lateReads = 1;
  t.same((await loadFrom(other, 'web')).keyring, document);
  t.type(await other.swap(dueOn(document, T0 + DAY), revision), 'string');
});
