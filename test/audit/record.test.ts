import { readFileSync, writeFileSync } from 'node:fs';
import t from 'tap';
import { sealBlock } from '../../src/audit/block.ts';
import { GENESIS, hex, link } from '../../src/audit/chain.ts';
import { actionBit, decodeRecord, encodeEvent } from '../../src/audit/record.ts';
import type { ErrorCode } from '../../src/core/errors.ts';
import type { KeyringName } from '../../src/core/name.ts';
import type { PrincipalId } from '../../src/core/version.ts';
import { AUDIT_ACTIONS } from '../../src/ports/journal.ts';
import fc from '../support/fast-check.ts';
import { AT, event, newKeys } from './fixture.ts';

const EXAMPLES = [
  event(),
  event({ outcome: 'unchanged', instance: null }),
  event({ outcome: 'refused', code: 'unauthenticated' as ErrorCode, principal: null, reason: 'token abcdefghijkl was revoked' }),
  event({ action: 'keyring.rotate', reason: 'a "quoted" word, a \\ and a line\nfeed, ünïcode ✓', versions: [] }),
  event({ action: 'service.start', principal: null, keyring: null, versions: [], instance: null, address: null, requestId: null }),
];

t.test('the bytes of records and their hashes are those of the golden file', async (t) => {
  const path = new URL('./golden/records.txt', import.meta.url);
  let head = GENESIS;
  const lines = EXAMPLES.map((one) => {
    const text = encodeEvent(one);
    head = link(head, Buffer.from(text));
    return `${head.sequence} ${hex(head.hash)} ${text}\n`;
  });
  if (process.env.WRITE_GOLDEN === '1') writeFileSync(path, lines.join(''));
  t.equal(lines.join(''), readFileSync(path, 'utf8'));
});

t.test('whatever is recorded can be read again, as it was', async (t) => {
  const text = fc.string({ unit: 'grapheme', maxLength: 60 });
  const events = fc.record({
    at: fc.nat(),
    action: fc.constantFrom(...AUDIT_ACTIONS),
    outcome: fc.constantFrom('done' as const, 'unchanged' as const, 'refused' as const, 'failed' as const),
    name: fc.option(text),
    versions: fc.array(fc.nat(), { maxLength: 5 }),
    address: fc.option(text),
    reason: fc.option(text),
  });
  fc.assert(
    fc.property(events, ({ name, ...rest }) => {
      const principal = name === null ? null : { id: 'token:x' as PrincipalId, name };
      const written = event({ ...rest, principal });
      t.same(decodeRecord(encodeEvent(written), 7), { ...written, sequence: 7 });
      t.notMatch(encodeEvent(written), /[\n\r]/, 'no line break: lines separate records between threads');
    }),
    { numRuns: 200 },
  );
});

t.test('a text that the encoder would write otherwise is refused', async (t) => {
  const good = encodeEvent(event());
  for (const bad of [
    '',
    '[]',
    'null',
    `${good} `,
    good.replace('"done"', '"gone"'),
    good.replace('[2,1]', '[2, 1]'),
    good.replace('"web"', '"Web"'),
  ]) {
    t.throws(() => decodeRecord(bad, 1), { code: 'corrupt_document' }, bad);
  }
});

t.test('texts from outside are cut at 300 characters', async (t) => {
  const text = 'x'.repeat(1_000);
  const { reason, address } = decodeRecord(encodeEvent(event({ reason: text, address: text })), 1);
  t.same([reason?.length, address?.length], [300, 300]);
});

t.test('a block knows the times and the kinds of its records, also beyond 31 kinds', async (t) => {
  const all = AUDIT_ACTIONS.map((action, index) => encodeEvent(event({ action, at: AT - index })));
  const { block } = sealBlock(all, GENESIS, newKeys().mac);
  t.equal(block.actions, 2 ** AUDIT_ACTIONS.length - 1);
  t.equal(block.earliest, AT - all.length + 1);
  t.equal(block.latest, AT);
  t.equal(actionBit('keys.read'), 1);
});

t.test('names of keyrings are never quoted wrongly', async (t) => {
  t.match(encodeEvent(event({ keyring: 'a.b_c-1' as KeyringName })), ',"a.b_c-1",');
});
