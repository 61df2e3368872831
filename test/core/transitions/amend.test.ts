import t from 'tap';
import type { Keyring } from '../../../src/core/keyring.ts';
import type { Policy } from '../../../src/core/policy.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../../src/core/time.ts';
import { amendPolicy } from '../../../src/core/transitions/amend.ts';
import { markDeleted } from '../../../src/core/transitions/delete.ts';
import { revoke } from '../../../src/core/transitions/revoke.ts';
import { rotate } from '../../../src/core/transitions/rotate.ts';
import { at, context, keyring, ROUND_POLICY } from '../../support/keyrings.ts';

const noon = at('2026-03-10T12:00:00Z');
const shop = keyring('shop', at('2026-03-01T00:00:00Z'), ROUND_POLICY);
const pending = rotate(shop, 'scheduled', context(noon)).keyring;
const LEASE = 59 * MINUTE;

const amended = (before: Keyring, fields: Partial<Policy>, now = noon): Keyring =>
  amendPolicy(before, { ...before.policy, ...fields }, context(now));

t.test('what a laxer policy granted is carried over until it has ended', async (t) => {
  t.same(amended(shop, { leaseSeconds: 540 }).carryover, { leasesUntil: noon + LEASE, tokensUntil: 0 });
  t.same(amended(shop, { tokenLifetimeSeconds: 3_600 }).carryover, { leasesUntil: 0, tokensUntil: noon + LEASE + DAY });
  t.equal(amended(shop, { leaseSeconds: 7_200, tokenLifetimeSeconds: 2 * 86_400 }).carryover, null);
  t.equal(amended(shop, { refreshSeconds: 10, keyBytes: 64, keyEncoding: 'base64url' }).carryover, null);
});

t.test('what is carried over is dropped once it has ended, not before', async (t) => {
  const stricter = amended(shop, { leaseSeconds: 540 });
  t.same(amended(stricter, { refreshSeconds: 10 }, noon + LEASE - 1).carryover, { leasesUntil: noon + LEASE, tokensUntil: 0 });
  t.equal(amended(stricter, { refreshSeconds: 10 }, noon + LEASE).carryover, null);
});

t.test('going back and forth keeps the longest that was granted', async (t) => {
  const back = amended(amended(shop, { leaseSeconds: 540 }), { leaseSeconds: 600 }, noon + SECOND);
  t.same(amended(back, { leaseSeconds: 120 }, noon + 2 * SECOND).carryover, { leasesUntil: noon + LEASE, tokensUntil: 0 });
});

t.test(
  'an instance with an old long lease may still sign tokens of the old length, though both became shorter one after the other',
  async (t) => {
    const shorterLease = amended(shop, { leaseSeconds: 120 });
    const shorterTokens = amended(shorterLease, { tokenLifetimeSeconds: 60 }, noon + MINUTE);
    t.same(shorterTokens.carryover, { leasesUntil: noon + LEASE, tokensUntil: noon + LEASE + DAY });
  },
);

t.test('a longer grace reaches the versions that still verify', async (t) => {
  const longer = amended(pending, { tokenLifetimeSeconds: 2 * 86_400 }, noon + HOUR);
  t.equal(longer.versions[0]?.verifyUntil, noon + 26 * HOUR + DAY);
  const ended = amended(pending, { tokenLifetimeSeconds: 2 * 86_400 }, noon + 26 * HOUR);
  t.equal(ended.versions[0]?.verifyUntil, noon + 26 * HOUR);
  const justBefore = amended(pending, { tokenLifetimeSeconds: 2 * 86_400 }, noon + 26 * HOUR - 1);
  t.equal(justBefore.versions[0]?.verifyUntil, noon + 26 * HOUR + DAY);
});

t.test('a longer lease reaches the grace of a version whose successor is pending, and leaves the activation', async (t) => {
  const longer = amended(pending, { leaseSeconds: 3_540 + 7_200 }, noon + 1);
  t.equal(longer.versions[1]?.activatesAt, noon + HOUR);
  t.equal(longer.versions[0]?.verifyUntil, noon + 28 * HOUR);
});

t.test('a grace is counted from the successor that lives, not from one that was revoked before it signed', async (t) => {
  const cut = revoke(pending, 2, context(noon + 1)).keyring;
  const replaced = rotate(cut, 'scheduled', context(noon + 5 * HOUR)).keyring;
  t.equal(replaced.versions[0]?.verifyUntil, noon + 31 * HOUR);
  t.equal(amended(replaced, { tokenLifetimeSeconds: 2 * 86_400 }, noon + 5 * HOUR).versions[0]?.verifyUntil, noon + 31 * HOUR + DAY);
});

t.test('a shorter lease with longer tokens counts the longer of both leases', async (t) => {
  const changed = amended(pending, { leaseSeconds: 540, tokenLifetimeSeconds: 2 * 86_400 }, noon + HOUR);
  t.equal(changed.versions[0]?.verifyUntil, noon + 26 * HOUR + DAY);
});

t.test('a stricter policy neither shortens nor prolongs the grace of a version', async (t) => {
  const stricter = { leaseSeconds: 120, tokenLifetimeSeconds: 60, skewSeconds: 0 };
  const once = amended(pending, stricter, noon + 20 * HOUR);
  t.equal(once.versions[0]?.verifyUntil, noon + 26 * HOUR);
  t.equal(amended(once, { tokenLifetimeSeconds: 30 }, noon + 21 * HOUR).versions[0]?.verifyUntil, noon + 26 * HOUR);
});

t.test('a revoked version gets no grace', async (t) => {
  const revoked = revoke(pending, 1, context(noon + 2 * HOUR)).keyring;
  const longer = amended(revoked, { tokenLifetimeSeconds: 2 * 86_400 }, noon + 2 * HOUR);
  t.equal(longer.versions[0]?.verifyUntil, revoked.versions[0]?.verifyUntil);
});

t.test('a new schedule starts after what is pending; the same schedule keeps its slot, even one that is due', async (t) => {
  const hourly = { cron: '0 * * * *', timeZone: 'UTC' };
  t.equal(amended(pending, { schedule: hourly }).nextRotationAt, noon + 2 * HOUR);
  const scheduled = amended(shop, { schedule: hourly });
  t.equal(scheduled.nextRotationAt, noon + HOUR);
  t.equal(amended(scheduled, { refreshSeconds: 10, schedule: { ...hourly } }, noon + 3 * HOUR).nextRotationAt, noon + HOUR);
  t.equal(amended(scheduled, { schedule: null }).nextRotationAt, null);
});

t.test('a deleted keyring and a clock behind are refused', async (t) => {
  t.throws(() => amended(markDeleted(shop, DAY, context(noon)), {}), { code: 'keyring_deleted' });
  t.throws(() => amended(pending, {}, noon - MINUTE - 1), { code: 'clock_behind' });
  t.equal(amended(pending, {}, noon - MINUTE).changed.at, noon);
});
