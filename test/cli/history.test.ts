import t from 'tap';
import { act, historyItem } from './fixtures.ts';
import { keyturn } from './keyturn.ts';

t.test('the history says how each key was made, and who took the risk of a weak one', async (t) => {
  const generated = {
    origin: 'generated',
    generator: 'node:crypto randomBytes',
    bytes: 32,
    encoding: 'hex',
    runtime: 'node v24.21.0',
    openssl: '3.5.8',
  };
  const overridden = { by: act('').by, reason: 'off the tutorial key' };
  const items = [
    { ...historyItem(3, 'rotated'), provenance: generated },
    { ...historyItem(2, 'weak'), provenance: { origin: 'imported', bytes: 15, judgement: 'weak: it is a phrase', overridden } },
    historyItem(1, 'sound'),
  ];
  const { exit, out, err } = await keyturn(['history', 'web'], {
    'GET /v1/keyrings/web/history': { body: { name: 'web', items, next: null } },
  });
  t.equal(exit, 0, err);
  t.match(out, '32 random bytes, hex (node v24.21.0, OpenSSL 3.5.8)');
  t.match(out, 'imported, at most 15 bytes, weak; to verify only, accepted by admin: off the tutorial key');
  t.match(out, 'imported, at most 32 bytes, no fault found');
});
