import t from 'tap';
import { rolesAt } from '../../../src/core/roles.ts';
import { DAY, HOUR, MINUTE } from '../../../src/core/time.ts';
import { markDeleted, markPurged, restore } from '../../../src/core/transitions/delete.ts';
import { rotate } from '../../../src/core/transitions/rotate.ts';
import { at, context, keyring, ROUND_POLICY } from '../../support/keyrings.ts';

const noon = at('2026-03-10T12:00:00Z');
const MONTHLY = { ...ROUND_POLICY, schedule: { cron: '0 3 1 * *', timeZone: 'UTC' } };
const shop = keyring('shop', at('2026-03-01T12:00:00Z'), MONTHLY);
const deleted = markDeleted(shop, 7 * DAY, context(noon));
const purgeAt = noon + 7 * DAY;
const purged = markPurged(deleted, context(purgeAt));

t.test('a deletion says who, why and until when it can be taken back; the versions stay as they are', async (t) => {
  t.match(deleted.lifecycle, { state: 'deleted', deleted: { at: noon, reason: 'a test' }, purgeAt });
  t.equal(deleted.versions, shop.versions);
});

t.test('what is deleted or purged cannot be deleted again', async (t) => {
  t.throws(() => markDeleted(deleted, DAY, context(noon)), { code: 'keyring_deleted' });
  t.throws(() => markDeleted(purged, DAY, context(purgeAt)), { code: 'keyring_deleted' });
  t.throws(() => markDeleted(shop, DAY, context(at('2026-03-01T11:58:59Z'))), { code: 'clock_behind' });
});

t.test('a restore wins up to the last millisecond of the window, and a purge from its end', async (t) => {
  t.match(restore(deleted, context(purgeAt - 1)).lifecycle, { state: 'active' });
  t.throws(() => restore(deleted, context(purgeAt)), { code: 'keyring_deleted', message: /window of keyring shop is over/ });
  t.throws(() => markPurged(deleted, context(purgeAt - 1)), { code: 'conflict', message: /before 2026-03-17T12:00:00.000Z/ });
  t.match(markPurged(deleted, context(purgeAt)).lifecycle, { state: 'purged', deleted: { at: noon }, purgedAt: purgeAt });
});

t.test('only what is deleted can be restored or purged', async (t) => {
  t.throws(() => restore(shop, context(noon)), { code: 'keyring_not_deleted' });
  t.throws(() => restore(purged, context(purgeAt)), { code: 'keyring_deleted' });
  t.throws(() => markPurged(shop, context(noon)), { code: 'conflict', message: /before it is deleted/ });
  t.throws(() => markPurged(purged, context(purgeAt + DAY)), { code: 'conflict' });
});

t.test('a slot that passed while the keyring was deleted is not caught up', async (t) => {
  const long = markDeleted(shop, 60 * DAY, context(noon));
  t.equal(restore(long, context(at('2026-04-20T00:00:00Z'))).nextRotationAt, at('2026-05-01T03:00:00Z'));
});

t.test('a next version that was pending at the deletion activates when it would have', async (t) => {
  const gone = markDeleted(rotate(shop, 'scheduled', context(noon)).keyring, DAY, context(noon + MINUTE));
  const early = restore(gone, context(noon + HOUR - 1));
  t.match(rolesAt(early, noon + HOUR - 1), { current: { version: 1 }, next: { version: 2 } });
  // Every lease from before the publication has ended by then, so it may sign at once.
  const late = restore(gone, context(noon + HOUR));
  t.match(rolesAt(late, noon + HOUR), { current: { version: 2 }, next: null, previous: [{ version: 1 }] });
});

t.test('a purge revokes whatever could still be used, the pending version too, and stops the schedule', async (t) => {
  const pending = rotate(shop, 'scheduled', context(noon)).keyring;
  const ended = markPurged(markDeleted(pending, MINUTE, context(noon)), context(noon + MINUTE));
  t.same(
    ended.versions.map(({ revoked }) => revoked?.at),
    [noon + MINUTE, noon + MINUTE],
  );
  t.equal(ended.nextRotationAt, null);
});
