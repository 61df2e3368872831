import t from 'tap';
import { decide, destructionAt, dueAt } from '../../src/core/decide.ts';
import type { Keyring } from '../../src/core/keyring.ts';
import { DAY, toIso } from '../../src/core/time.ts';
import { markDeleted, markPurged } from '../../src/core/transitions/delete.ts';
import { markDestroyed } from '../../src/core/transitions/retire.ts';
import { revoke } from '../../src/core/transitions/revoke.ts';
import { rotate } from '../../src/core/transitions/rotate.ts';
import { at, context, keyring, ROUND_POLICY } from '../support/keyrings.ts';

const MONTHLY = { ...ROUND_POLICY, schedule: { cron: '0 3 1 * *', timeZone: 'UTC' } };
const created = keyring('shop', at('2026-03-10T00:00:00Z'), MONTHLY);
/** Version 1 verifies until 05:00 on 2 April and its material goes a minute later. */
const rotated = rotate(created, 'scheduled', context(at('2026-04-01T03:00:00Z')), at('2026-04-01T03:00:00Z')).keyring;

/** A decision in words: what, and of which instant or versions. */
function words(keyring: Keyring, iso: string): string {
  const decision = decide(keyring, at(iso));
  switch (decision.do) {
    case 'wait':
      return `wait until ${decision.until === null ? 'an act' : toIso(decision.until)}`;
    case 'rotate':
      return `rotate for ${toIso(decision.slot)}, missed ${decision.missedSlots}`;
    case 'destroy':
      return `destroy ${decision.versions.map(({ version }) => version).join()}`;
    case 'purge':
      return 'purge';
  }
}

t.test('a slot is due at its instant, and once', async (t) => {
  t.equal(words(created, '2026-03-10T00:00:00.000Z'), 'wait until 2026-04-01T03:00:00.000Z');
  t.equal(words(created, '2026-04-01T02:59:59.999Z'), 'wait until 2026-04-01T03:00:00.000Z');
  t.equal(words(created, '2026-04-01T03:00:00.000Z'), 'rotate for 2026-04-01T03:00:00.000Z, missed 0');
  t.equal(words(created, '2026-04-01T03:00:00.001Z'), 'rotate for 2026-04-01T03:00:00.000Z, missed 0');
  t.equal(words(rotated, '2026-04-01T03:00:00.000Z'), 'wait until 2026-04-02T05:01:00.000Z');
});

t.test('slots missed in an outage are caught up by one rotation that counts them', async (t) => {
  t.equal(words(created, '2026-05-01T02:59:59.999Z'), 'rotate for 2026-04-01T03:00:00.000Z, missed 0');
  t.equal(words(created, '2026-05-01T03:00:00.000Z'), 'rotate for 2026-04-01T03:00:00.000Z, missed 1');
  t.equal(words(created, '2026-09-15T00:00:00.000Z'), 'rotate for 2026-04-01T03:00:00.000Z, missed 5');
  t.match(decide(created, at('2026-09-15T00:00:00Z')), { reason: 'scheduled rotation, caught up after 6 missed slots' });
  const late = rotate(created, 'scheduled', context(at('2026-09-15T00:00:00Z'))).keyring;
  t.equal(words(late, '2026-09-15T00:00:00.000Z'), 'wait until 2026-09-16T02:01:00.000Z');
});

t.test('counting missed slots of a rare schedule takes no look into the far future', { timeout: 5_000 }, async (t) => {
  const leap = keyring('leap', at('2026-03-10T00:00:00Z'), {
    ...ROUND_POLICY,
    schedule: { cron: '0 0 29 2 1#5', timeZone: 'Europe/Berlin' },
  });
  const slot = leap.nextRotationAt ?? 0;
  const started = process.cpuUsage().user;
  for (let times = 0; times < 50; times++) decide(leap, slot);
  t.ok(process.cpuUsage().user - started < 2_000_000);
});

t.test('retired material is destroyed one skew after its end', async (t) => {
  t.equal(words(rotated, '2026-04-02T05:00:00.000Z'), 'wait until 2026-04-02T05:01:00.000Z');
  t.equal(words(rotated, '2026-04-02T05:00:59.999Z'), 'wait until 2026-04-02T05:01:00.000Z');
  t.equal(words(rotated, '2026-04-02T05:01:00.000Z'), 'destroy 1');
  t.equal(words(rotated, '2026-04-02T05:01:00.001Z'), 'destroy 1');
  const destroyed = markDestroyed(rotated, new Set([1]), context(at('2026-04-02T05:01:00Z')));
  t.equal(words(destroyed, '2026-04-02T05:01:00.000Z'), 'wait until 2026-05-01T03:00:00.000Z');
});

t.test('revoked material is destroyed at once', async (t) => {
  const revoked = revoke(rotated, 1, context(at('2026-04-01T10:00:00Z'))).keyring;
  t.equal(words(revoked, '2026-04-01T09:59:59.999Z'), 'wait until 2026-04-01T10:00:00.000Z');
  t.equal(words(revoked, '2026-04-01T10:00:00.000Z'), 'destroy 1');
});

t.test('a purge comes before destruction, and destruction before a rotation', async (t) => {
  t.equal(words(rotated, '2026-05-01T03:00:00.000Z'), 'destroy 1');
  const deleted = markDeleted(rotated, 7 * DAY, context(at('2026-04-02T00:00:00Z')));
  t.equal(words(deleted, '2026-04-09T00:00:00.000Z'), 'purge');
  const purged = markPurged(deleted, context(at('2026-04-09T00:00:00Z')));
  t.equal(words(purged, '2026-04-09T00:00:00.000Z'), 'destroy 1,2');
  const ended = markDestroyed(purged, new Set([1, 2]), context(at('2026-04-09T00:00:00Z')));
  t.equal(words(ended, '2036-04-09T00:00:00.000Z'), 'wait until an act');
});

t.test('a deleted keyring rotates no more and is purged at the end of its window', async (t) => {
  const deleted = markDeleted(created, 60 * DAY, context(at('2026-03-20T00:00:00Z')));
  t.equal(words(deleted, '2026-04-01T03:00:00.000Z'), 'wait until 2026-05-19T00:00:00.000Z');
  t.equal(words(deleted, '2026-05-18T23:59:59.999Z'), 'wait until 2026-05-19T00:00:00.000Z');
  t.equal(words(deleted, '2026-05-19T00:00:00.000Z'), 'purge');
  t.equal(words(deleted, '2026-05-19T00:00:00.001Z'), 'purge');
});

t.test('due is the earliest of slot, destruction and purge; without any of them only an act', async (t) => {
  t.equal(dueAt(created), at('2026-04-01T03:00:00Z'));
  t.equal(dueAt(rotated), at('2026-04-02T05:01:00Z'));
  t.equal(dueAt(markDeleted(rotated, DAY / 2, context(at('2026-04-01T04:00:00Z')))), at('2026-04-01T16:00:00Z'));
  t.equal(dueAt(keyring('still', at('2026-03-10T00:00:00Z'), ROUND_POLICY)), null);
});

t.test('a version that is not replaced, or is destroyed already, has no destruction ahead', async (t) => {
  const [first, second] = rotated.versions;
  if (first === undefined || second === undefined) throw new Error('two versions');
  t.equal(destructionAt(rotated, first), at('2026-04-02T05:01:00Z'));
  t.equal(destructionAt(rotated, second), null);
  t.equal(destructionAt(rotated, { ...first, destroyedAt: at('2026-04-02T05:01:00Z') }), null);
});
