import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import t from 'tap';
import { Secret } from '../../src/core/secret.ts';
import type { MaterialNonce } from '../../src/core/version.ts';
import { MasterKey, sameSecret, seal, unseal } from '../../src/stores/sealing.ts';
import { storeRandom } from '../support/sqlite.ts';
import { MATERIAL_TEXT, material, ref } from './keyrings.ts';

const RAW = Buffer.from('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f', 'hex');
const key = new MasterKey(RAW);
const entry = ref('web', 7, '0123456789abcdef' as MaterialNonce);
const zeros = { ...storeRandom, bytes: (count: number) => Buffer.alloc(count) };

t.test('what is sealed opens again, and the text is not in it', async (t) => {
  const sealed = seal(material(), entry, key, storeRandom);
  t.equal(unseal(sealed, entry, key).reveal(), MATERIAL_TEXT);
  t.notOk(sealed.includes(MATERIAL_TEXT.slice(0, 8)));
});

t.test('the format on disk does not change: bytes sealed earlier still open', async (t) => {
  const golden =
    '01a3ab70d7f8cf566700000000000000000000000008452528cfe9a44438cf59f35bdf49fb6327f1af6f933cdcf0debf24d4fead603d280d382374083ed282a4d1a408cb6d485232e6126dbf8d4e5542cea761d474ba5ad5ca770d823437780644b51f74c4';
  t.equal(seal(material(), entry, key, zeros).toString('hex'), golden);
  t.equal(unseal(Buffer.from(golden, 'hex'), entry, key).reveal(), MATERIAL_TEXT);
  t.equal(key.id, 'a3ab70d7f8cf5667');
});

t.test('a changed bit anywhere, a missing byte and a byte too many are refused', async (t) => {
  const sealed = seal(material(), entry, key, storeRandom);
  for (let index = 0; index < sealed.length; index++) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(index) ^ 1, index);
    t.throws(() => unseal(changed, entry, key), { code: 'corrupt_material' }, `byte ${index}`);
    t.throws(() => unseal(sealed.subarray(0, index), entry, key), { code: 'corrupt_material' }, `cut at ${index}`);
  }
  t.throws(() => unseal(Buffer.concat([sealed, Buffer.of(0)]), entry, key), { code: 'corrupt_material' });
});

t.test('it opens only as the entry it was sealed for, under the key it was sealed with', async (t) => {
  const sealed = seal(material(), entry, key, storeRandom);
  for (const other of [ref('web2', 7, entry.nonce), ref('web', 8, entry.nonce), ref('web', 7)]) {
    t.throws(() => unseal(sealed, other, key), { code: 'corrupt_material' });
  }
  t.throws(() => unseal(sealed, entry, new MasterKey(Buffer.alloc(32, 1))), { code: 'corrupt_material' });
});

t.test('one text sealed twice gives two different results of one length', async (t) => {
  const [one, two] = [seal(material(), entry, key, storeRandom), seal(material(), entry, key, storeRandom)];
  t.not(one.toString('hex'), two.toString('hex'));
  t.equal(one.length, two.length);
});

t.test('a master key shows only its id, and the id is no digest of the raw bytes', async (t) => {
  const shown = inspect(key, { depth: 10, showHidden: true }) + JSON.stringify(key);
  t.notOk(shown.includes(RAW.toString('hex')));
  t.notOk(shown.includes(key.sealingKey.export().toString('hex')));
  t.match(key.id, /^[0-9a-f]{16}$/);
  t.notOk(createHash('sha256').update(RAW).digest('hex').includes(key.id));
  t.notOk(key.sealingKey.export().equals(RAW), 'nor is the sealing key the raw key');
});

t.test('a master key of another length is refused', async (t) => {
  for (const length of [0, 16, 31, 33]) t.throws(() => new MasterKey(Buffer.alloc(length)), { code: 'invalid_config' });
});

t.test('secrets are the same when their whole texts are', async (t) => {
  t.ok(sameSecret(new Secret('ab'), new Secret('ab')));
  for (const other of ['a', 'abc', 'aB', '']) t.notOk(sameSecret(new Secret('ab'), new Secret(other)), other);
});
