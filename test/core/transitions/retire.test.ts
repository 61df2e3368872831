import t from 'tap';
import { HOUR, MINUTE } from '../../../src/core/time.ts';
import { markDestroyed } from '../../../src/core/transitions/retire.ts';
import { revoke } from '../../../src/core/transitions/revoke.ts';
import { rotate } from '../../../src/core/transitions/rotate.ts';
import { at, context, keyring, ROUND_POLICY } from '../../support/keyrings.ts';

const noon = at('2026-03-10T12:00:00Z');
const pending = rotate(keyring('shop', at('2026-03-01T00:00:00Z'), ROUND_POLICY), 'scheduled', context(noon)).keyring;
const ends = noon + 26 * HOUR;
const destroyed = (now: number, ...numbers: number[]) => markDestroyed(pending, new Set(numbers), context(now)).versions;

t.test('the mark keeps the instant of the destruction, and the first one', async (t) => {
  t.match(destroyed(ends, 1), [
    { version: 1, destroyedAt: ends },
    { version: 2, destroyedAt: null },
  ]);
  const once = markDestroyed(pending, new Set([1]), context(ends));
  t.equal(markDestroyed(once, new Set([1]), context(ends + HOUR)).versions[0]?.destroyedAt, ends);
});

t.test('numbers that the keyring does not have change nothing', async (t) => {
  t.same(destroyed(ends, 0, 3, 99), pending.versions);
});

t.test('a version that may still be used cannot be marked', async (t) => {
  t.throws(() => destroyed(ends - 1, 1), { code: 'corrupt_document', message: /version 1 is destroyed before its end/ });
  t.throws(() => destroyed(ends, 2), { code: 'corrupt_document', message: /version 2 is destroyed before its end/ });
  t.throws(() => destroyed(ends, 1, 2), { code: 'corrupt_document' });
});

t.test('a revoked version can be marked at once', async (t) => {
  const revoked = revoke(pending, 1, context(noon + 1)).keyring;
  t.equal(markDestroyed(revoked, new Set([1]), context(noon + 1)).versions[0]?.destroyedAt, noon + 1);
});

t.test('a clock behind by more than the skew is refused', async (t) => {
  t.throws(() => markDestroyed(pending, new Set([1]), context(noon - MINUTE - 1)), { code: 'clock_behind' });
});
