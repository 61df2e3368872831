import { createPublicKey, type KeyObject } from 'node:crypto';
import t from 'tap';
import { decrypt, encrypt } from '../../src/backup/envelope.ts';
import { makeRecoveryKey, parseRecipient, parseRecoveryKey, recipientOf } from '../../src/backup/recovery-key.ts';
import { Secret } from '../../src/core/secret.ts';
import { seededRandom } from '../support/random.ts';

const CHUNK = 65_536;
const random = seededRandom('envelope');
const pair = makeRecoveryKey(random);
const recoveryKey = parseRecoveryKey(pair.recoveryKey);
const recipient = parseRecipient(pair.recipient);

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of source) parts.push(part);
  return Buffer.concat(parts);
}

const seal = (plain: Buffer, to: KeyObject = recipient) => collect(encrypt([plain], to, random));
const open = (sealed: Buffer, key: KeyObject = recoveryKey) => collect(decrypt([sealed], key));

for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7]) {
  t.test(`${size} bytes come back as they were`, async (t) => {
    const plain = random.bytes(size);
    const sealed = await seal(plain);
    t.ok((await open(sealed)).equals(plain));
    t.notOk(size > 16 && sealed.includes(plain.subarray(0, 16)), 'and nothing of them shows');
  });
}

t.test('pieces may come in any size', async (t) => {
  const plain = random.bytes(2 * CHUNK + 100);
  const sealed = await seal(plain);
  const drops = Array.from({ length: Math.ceil(sealed.length / 997) }, (_, index) => sealed.subarray(index * 997, (index + 1) * 997));
  t.ok((await collect(decrypt(drops, recoveryKey))).equals(plain));
});

t.test('a bit that was flipped anywhere is found', async (t) => {
  const sealed = await seal(random.bytes(300));
  for (let at = 0; at < sealed.length; at++) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    await t.rejects(open(changed), { code: 'corrupt_backup' }, `byte ${at}`);
  }
});

t.test('what was cut off, appended, left out or swapped is found', async (t) => {
  const sealed = await seal(random.bytes(3 * CHUNK));
  const head = 50;
  const piece = CHUNK + 16;
  const [first, second, third] = [0, 1, 2].map((index) => sealed.subarray(head + index * piece, head + (index + 1) * piece)) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  const start = sealed.subarray(0, head);
  for (const length of [0, 10, head, head + 5, head + piece, head + 2 * piece, sealed.length - 1]) {
    await t.rejects(open(sealed.subarray(0, length)), { code: 'corrupt_backup' }, `cut at ${length}`);
  }
  await t.rejects(open(Buffer.concat([sealed, Buffer.from('x')])), { code: 'corrupt_backup' });
  await t.rejects(open(Buffer.concat([start, second, first, third])), { code: 'corrupt_backup' });
  await t.rejects(open(Buffer.concat([start, first, third])), { code: 'corrupt_backup' });
  await t.rejects(open(Buffer.concat([start, third])), { code: 'corrupt_backup' });
});

t.test('another recovery key opens nothing', async (t) => {
  const other = parseRecoveryKey(makeRecoveryKey(random).recoveryKey);
  await t.rejects(open(await seal(Buffer.from('text')), other), { code: 'corrupt_backup', message: /recovery key/ });
});

t.test('two backups of the same bytes have nothing in common', async (t) => {
  const plain = Buffer.alloc(100);
  const [one, two] = [await seal(plain), await seal(plain)];
  t.notOk(one.subarray(18, 50).equals(two.subarray(18, 50)));
  t.notOk(one.subarray(50).equals(two.subarray(50)));
});

t.test('the halves of a recovery key belong together, and neither is taken for the other', (t) => {
  t.equal(recipientOf(recoveryKey), pair.recipient);
  t.equal(createPublicKey(recoveryKey).asymmetricKeyType, 'x25519');
  t.throws(() => parseRecipient(pair.recoveryKey.reveal()), { code: 'invalid_config' });
  t.throws(() => parseRecoveryKey(new Secret(pair.recipient)), { code: 'invalid_config' });
  t.throws(() => parseRecoveryKey(new Secret('')), { code: 'invalid_config' });
  t.end();
});
