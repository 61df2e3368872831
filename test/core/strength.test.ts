import t from 'tap';
import { entropyBearingBytes, keyFaults, MAX_KEY_LENGTH, MIN_KEY_BYTES } from '../../src/core/strength.ts';

const HEX = '00112233445566778899aabbccddeeff0123456789abcdef0f1e2d3c4b5a6978';

t.test('hex and base64 are read as what they encode, other text by its characters', async (t) => {
  t.equal(entropyBearingBytes(HEX), 32);
  t.equal(entropyBearingBytes('q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k='), 32);
  t.equal(entropyBearingBytes('correct horse battery staple'), 28);
});

t.test('a key is long enough from 32 bytes on, and never empty', async (t) => {
  t.same(keyFaults(HEX), []);
  t.match(keyFaults(HEX.slice(2)), [`it holds at most ${MIN_KEY_BYTES - 1} bytes and ${MIN_KEY_BYTES} are needed`]);
  t.same(keyFaults(''), ['it is empty']);
  t.ok(keyFaults(`${HEX}!`.repeat(20).slice(0, MAX_KEY_LENGTH + 1)).some((fault) => fault.includes('longer')));
});

t.test('no fault quotes the key', async (t) => {
  for (const weak of ['hunter2', 'abc'.repeat(30), ' padded with blanks at its ends, and long ', 'é'.repeat(40)]) {
    for (const fault of keyFaults(weak)) t.notMatch(fault, weak);
    t.ok(keyFaults(weak).length > 0, 'refused');
  }
});
