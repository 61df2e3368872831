import t from 'tap';
import { DAY, HOUR } from '../../../src/core/time.ts';
import { amendPolicy } from '../../../src/core/transitions/amend.ts';
import { markDeleted } from '../../../src/core/transitions/delete.ts';
import { markDestroyed } from '../../../src/core/transitions/retire.ts';
import { revoke } from '../../../src/core/transitions/revoke.ts';
import { rotate } from '../../../src/core/transitions/rotate.ts';
import { at, context, keyring, ROUND_POLICY } from '../../support/keyrings.ts';

const noon = at('2026-03-10T12:00:00Z');
const MONTHLY = { ...ROUND_POLICY, schedule: { cron: '0 3 1 * *', timeZone: 'UTC' } };
const shop = keyring('shop', at('2026-03-01T12:00:00Z'), MONTHLY);
/** Version 2 is pending until 13:00. */
const pending = rotate(shop, 'scheduled', context(noon)).keyring;

t.test('the current version without a next one: a new one signs at once', async (t) => {
  const { keyring, version, published } = revoke(shop, 1, context(noon));
  t.match(version, { version: 2, kind: 'replacement', activatesAt: noon, verifyUntil: null });
  t.match(keyring.versions, [{ version: 1, revoked: { at: noon, reason: 'a test' }, verifyUntil: null }, { version: 2 }]);
  t.ok(published);
});

t.test('the current version with a next one: that one signs at once, before it has propagated', async (t) => {
  const { keyring, version, published } = revoke(pending, 1, context(noon + 1));
  t.match(version, { version: 2, kind: 'scheduled', activatesAt: noon + 1, advanced: { at: noon + 1 } });
  t.match(keyring.versions[0], { revoked: { at: noon + 1 } });
  t.notOk(published);
});

t.test('the next version: the current one goes on as if nothing had been published, and its slot comes again', async (t) => {
  const { keyring, version, published } = revoke(pending, 2, context(noon + 1));
  t.match(version, { version: 1 });
  t.match(keyring.versions, [
    { version: 1, verifyUntil: null, revoked: null },
    { version: 2, revoked: { at: noon + 1 } },
  ]);
  t.equal(keyring.nextRotationAt, at('2026-04-01T03:00:00Z'));
  t.notOk(published);
  t.equal(rotate(keyring, 'scheduled', context(noon + 2)).version.version, 3);
});

t.test('the next version while an earlier policy is carried over: what is carried stays', async (t) => {
  const stricter = amendPolicy(pending, { ...MONTHLY, leaseSeconds: 120 }, context(noon + 1));
  const { keyring } = revoke(stricter, 2, context(noon + 2));
  t.equal(keyring.carryover?.leasesUntil, noon + 1 + 3_540_000);
  t.equal(rotate(keyring, 'scheduled', context(noon + 3)).version.activatesAt, noon + 1 + HOUR);
});

t.test('a previous version: only that one ends', async (t) => {
  const { keyring, version, published } = revoke(pending, 1, context(noon + 2 * HOUR));
  t.match(version, { version: 2, advanced: null, activatesAt: noon + HOUR });
  t.match(keyring.versions, [{ revoked: { at: noon + 2 * HOUR } }, { revoked: null, verifyUntil: null }]);
  t.equal(keyring.nextRotationAt, pending.nextRotationAt);
  t.notOk(published);
});

t.test('a revoked version again: nothing changes', async (t) => {
  const { keyring } = revoke(shop, 1, context(noon));
  t.equal(revoke(keyring, 1, context(noon + HOUR)).keyring, keyring);
  t.match(revoke(keyring, 1, context(noon + HOUR)), { published: false, version: { version: 2 } });
  const destroyed = markDestroyed(keyring, new Set([1]), context(noon + HOUR));
  t.equal(revoke(destroyed, 1, context(noon + HOUR)).keyring, destroyed);
});

t.test('a retired version, destroyed or not, is refused', async (t) => {
  const ends = noon + 26 * HOUR;
  t.match(revoke(pending, 1, context(ends - 1)).keyring.versions[0], { revoked: { at: ends - 1 } });
  t.throws(() => revoke(pending, 1, context(ends)), { code: 'version_ended', message: /retired already/ });
  const destroyed = markDestroyed(pending, new Set([1]), context(ends + 60_000));
  t.throws(() => revoke(destroyed, 1, context(ends + 60_000)), { code: 'version_ended' });
});

t.test('an unknown version, a deleted keyring and a clock behind are refused', async (t) => {
  for (const number of [0, 3, -1, 1.5, Number.NaN]) {
    t.throws(() => revoke(pending, number, context(noon)), { code: 'version_not_found' }, String(number));
  }
  t.throws(() => revoke(markDeleted(pending, DAY, context(noon)), 1, context(noon)), { code: 'keyring_deleted' });
  t.throws(() => revoke(pending, 1, context(noon - HOUR)), { code: 'clock_behind' });
});
