import t from 'tap';
import type { Keyring } from '../../../src/core/keyring.ts';
import { MAX_VERIFYING_KEYS } from '../../../src/core/policy.ts';
import { roleAt } from '../../../src/core/roles.ts';
import { DAY, HOUR, SECOND } from '../../../src/core/time.ts';
import { amendPolicy } from '../../../src/core/transitions/amend.ts';
import { markDeleted, markPurged } from '../../../src/core/transitions/delete.ts';
import { revoke } from '../../../src/core/transitions/revoke.ts';
import { ROTATION_KINDS, rotate } from '../../../src/core/transitions/rotate.ts';
import { at, context, keyring, ROUND_POLICY } from '../../support/keyrings.ts';

const CREATED = at('2026-03-01T00:00:00Z');
const shop = keyring('shop', CREATED, ROUND_POLICY);
const noon = at('2026-03-10T12:00:00Z');

t.test('scheduled: published now, signs after propagation, the old one verifies until its grace is over', async (t) => {
  const { keyring, version, published } = rotate(shop, 'scheduled', context(noon), noon - 1);
  t.match(version, { version: 2, kind: 'scheduled', activatesAt: at('2026-03-10T13:00:00Z'), slot: noon - 1, verifyUntil: null });
  t.match(keyring.versions, [{ version: 1, verifyUntil: at('2026-03-11T14:00:00Z') }, { version: 2 }]);
  t.equal(keyring.versions[1], version);
  t.ok(published);
});

t.test('immediate: signs now, the old one keeps its grace', async (t) => {
  const { keyring, version, published } = rotate(shop, 'immediate', context(noon));
  t.match(version, { version: 2, kind: 'immediate', activatesAt: noon, slot: null });
  t.match(keyring.versions, [{ version: 1, verifyUntil: at('2026-03-11T13:00:00Z'), revoked: null }, {}]);
  t.ok(published);
});

t.test('emergency: signs now, and every earlier version is revoked, the pending one too', async (t) => {
  const pending = rotate(rotate(shop, 'immediate', context(noon - HOUR)).keyring, 'scheduled', context(noon)).keyring;
  const { keyring, version, published } = rotate(pending, 'emergency', context(noon + 1));
  t.match(version, { version: 4, kind: 'emergency', activatesAt: noon + 1 });
  t.same(
    keyring.versions.map(({ revoked }) => revoked?.at ?? null),
    [noon + 1, noon + 1, noon + 1, null],
  );
  t.ok(published);
});

t.test('scheduled while one is pending: refused, and the message says when it activates', async (t) => {
  const { keyring } = rotate(shop, 'scheduled', context(noon));
  for (const now of [noon, noon + HOUR - 1]) {
    t.throws(() => rotate(keyring, 'scheduled', context(now)), {
      code: 'rotation_under_way',
      message: /activates at 2026-03-10T13:00:00.000Z/,
    });
  }
  t.equal(rotate(keyring, 'scheduled', context(noon + HOUR)).version.version, 3);
});

t.test('immediate while one is pending: that one signs now, and nothing new is published', async (t) => {
  const pending = rotate(shop, 'scheduled', context(noon));
  const { keyring, version, published } = rotate(pending.keyring, 'immediate', context(noon + 1));
  t.match(version, { version: 2, kind: 'scheduled', nonce: pending.version.nonce, activatesAt: noon + 1, advanced: { at: noon + 1 } });
  t.match(keyring.versions, [
    { version: 1, verifyUntil: noon + 1 + 25 * HOUR },
    { version: 2, verifyUntil: null },
  ]);
  t.notOk(published);
  const late = rotate(pending.keyring, 'immediate', context(noon + HOUR));
  t.match(late, { published: true, version: { version: 3, kind: 'immediate', advanced: null } });
});

t.test('what an earlier policy still allows counts in propagation and grace', async (t) => {
  const stricter = { ...ROUND_POLICY, leaseSeconds: 540, tokenLifetimeSeconds: 3_600 };
  const amended = amendPolicy(shop, stricter, context(noon));
  // Old leases run to 12:59, old tokens to 12:59 of the next day.
  const scheduled = rotate(amended, 'scheduled', context(noon));
  t.equal(scheduled.version.activatesAt, at('2026-03-10T13:00:00Z'));
  t.equal(scheduled.keyring.versions[0]?.verifyUntil, at('2026-03-11T13:00:00Z'));
  const immediate = rotate(amended, 'immediate', context(noon));
  t.equal(immediate.keyring.versions[0]?.verifyUntil, at('2026-03-11T13:00:00Z'));
  const promoted = rotate(scheduled.keyring, 'immediate', context(noon + 1));
  t.equal(promoted.keyring.versions[0]?.verifyUntil, at('2026-03-11T13:00:00Z'));
  const later = rotate(amended, 'scheduled', context(at('2026-03-12T00:00:00Z')));
  t.equal(later.version.activatesAt, at('2026-03-12T00:10:00Z'));
  t.equal(later.keyring.versions[0]?.verifyUntil, at('2026-03-12T01:20:00Z'));
});

t.test('the next slot is the first one after the activation', async (t) => {
  const hourly = keyring('hourly', CREATED, { ...ROUND_POLICY, schedule: { cron: '*/30 * * * *', timeZone: 'UTC' } });
  t.equal(hourly.nextRotationAt, CREATED + HOUR / 2);
  t.equal(rotate(hourly, 'scheduled', context(noon)).keyring.nextRotationAt, at('2026-03-10T13:30:00Z'));
  t.equal(rotate(hourly, 'immediate', context(noon)).keyring.nextRotationAt, at('2026-03-10T12:30:00Z'));
});

t.test('only an active keyring rotates', async (t) => {
  const deleted = markDeleted(shop, 7 * DAY, context(noon));
  const purged = markPurged(deleted, context(noon + 7 * DAY));
  for (const kind of ROTATION_KINDS) {
    t.throws(() => rotate(deleted, kind, context(noon)), {
      code: 'keyring_deleted',
      message: /can be restored until 2026-03-17T12:00:00.000Z/,
    });
    t.throws(() => rotate(purged, kind, context(noon + 8 * DAY)), { code: 'keyring_deleted', message: /only its history remains/ });
  }
});

t.test('a clock behind by more than the skew is refused; within it the change happens at the last one', async (t) => {
  for (const kind of ROTATION_KINDS) {
    t.equal(rotate(shop, kind, context(CREATED - 60 * SECOND)).version.created.at, CREATED, kind);
    t.throws(
      () => rotate(shop, kind, context(CREATED - 60 * SECOND - 1)),
      { code: 'clock_behind', message: /61 s before the last change/ },
      kind,
    );
  }
});

/** A keyring with as many verifying keys as one answer holds. */
function full(): Keyring {
  let crowded = shop;
  for (let keys = 1; keys < MAX_VERIFYING_KEYS; keys++) crowded = rotate(crowded, 'immediate', context(noon + keys)).keyring;
  return crowded;
}

t.test('too many keys: neither a scheduled nor an immediate rotation finds room', async (t) => {
  const firstEnds = noon + 1 + 25 * HOUR;
  for (const kind of ['scheduled', 'immediate'] as const) {
    t.throws(() => rotate(full(), kind, context(noon + HOUR)), {
      code: 'too_many_keys',
      message: /has 64 keys that still verify; the first retires at 2026-03-11T13:00:00.001Z/,
    });
    t.throws(() => rotate(full(), kind, context(firstEnds - 1)), { code: 'too_many_keys' });
    t.equal(rotate(full(), kind, context(firstEnds)).version.version, 65);
  }
});

t.test('too many keys: an emergency, a promotion and a revocation always find room', async (t) => {
  t.equal(rotate(full(), 'emergency', context(noon + HOUR)).version.version, 65);
  t.match(revoke(full(), 64, context(noon + HOUR)), { published: true, version: { version: 65, kind: 'replacement' } });
  const pending = rotate(revoke(full(), 1, context(noon + HOUR)).keyring, 'scheduled', context(noon + HOUR)).keyring;
  t.match(rotate(pending, 'immediate', context(noon + HOUR)), { published: false, version: { version: 65 } });
});

t.test('too many keys: the message names the version that retires first, not the oldest one', async (t) => {
  // Version 1 was replaced under long tokens; the others, after the carried tokens were gone, under short ones.
  const long = amendPolicy(shop, { ...ROUND_POLICY, tokenLifetimeSeconds: 90 * 86_400 }, context(noon));
  const replaced = rotate(long, 'immediate', context(noon)).keyring;
  let crowded: Keyring = { ...replaced, policy: ROUND_POLICY };
  for (let keys = 2; keys < MAX_VERIFYING_KEYS; keys++) crowded = rotate(crowded, 'immediate', context(noon + keys)).keyring;
  t.throws(() => rotate(crowded, 'immediate', context(noon + HOUR)), {
    code: 'too_many_keys',
    message: /retires at 2026-03-11T13:00:00.002Z/,
  });
});

t.test('a very long history costs little and changes nothing', async (t) => {
  const [first] = shop.versions;
  if (first === undefined) throw new Error('one version');
  const past = Array.from({ length: 20_000 }, (_, index) => ({
    ...first,
    version: index + 1,
    ...(index < 19_999 ? { verifyUntil: CREATED + 1, destroyedAt: CREATED + 2 } : {}),
  }));
  const { keyring, version } = rotate({ ...shop, versions: past }, 'scheduled', context(noon));
  t.equal(version.version, 20_001);
  t.equal(roleAt(keyring, version, noon), 'next');
});
