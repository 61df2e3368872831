import t from 'tap';
import { DAY, HOUR, SECOND } from '../../../src/core/time.ts';
import { amendPolicy } from '../../../src/core/transitions/amend.ts';
import { delay } from '../../../src/core/transitions/delay.ts';
import { markDeleted } from '../../../src/core/transitions/delete.ts';
import { rotate } from '../../../src/core/transitions/rotate.ts';
import { context, keyring, T0 } from '../../stores/keyrings.ts';

const PUBLISHED = T0 + 10 * DAY;
const pending = rotate(keyring('web'), 'scheduled', context(PUBLISHED)).keyring;
const LATE = 20 * SECOND;
const AFTER = PUBLISHED + LATE;

t.test('what waits activates later, and what it replaces verifies longer', async (t) => {
  const [first, second] = pending.versions;
  const moved = delay(pending, LATE, context(AFTER));
  t.equal(moved.versions[1]?.activatesAt, (second?.activatesAt ?? 0) + LATE);
  t.equal(moved.versions[0]?.verifyUntil, (first?.verifyUntil ?? 0) + LATE);
  t.equal(moved.versions[0]?.activatesAt, first?.activatesAt, 'what signs already stays');
  t.same(moved.versions[1]?.created, second?.created);
});

t.test('a version that signs already is not sent back', async (t) => {
  const at = PUBLISHED + 2 * DAY;
  t.equal(delay(pending, LATE, context(at)).versions[1]?.activatesAt, pending.versions[1]?.activatesAt);
});

t.test('what an earlier policy still allows lasts longer', async (t) => {
  const amended = amendPolicy(keyring('web'), { ...keyring('web').policy, leaseSeconds: 3_600 }, context(PUBLISHED));
  const moved = delay(amended, LATE, context(AFTER));
  t.equal(moved.carryover?.leasesUntil, (amended.carryover?.leasesUntil ?? 0) + LATE);
});

t.test('a slot that would fall before the new activation waits for the one after it; others stay', async (t) => {
  const last = pending.versions[1]?.activatesAt ?? 0;
  const close = { ...pending, nextRotationAt: last + SECOND };
  t.ok((delay(close, LATE, context(AFTER)).nextRotationAt ?? 0) > last + LATE);
  t.equal(delay(pending, LATE, context(AFTER)).nextRotationAt, pending.nextRotationAt);
  t.equal(delay({ ...pending, nextRotationAt: AFTER - HOUR }, LATE, context(AFTER)).nextRotationAt, AFTER - HOUR, 'due already');
});

t.test('without anything in the future, or in a keyring that is not served, nothing changes', async (t) => {
  const alone = keyring('web');
  t.equal(delay(alone, LATE, context(AFTER)), alone);
  const deleted = markDeleted(pending, 30 * DAY, context(AFTER));
  t.equal(delay(deleted, LATE, context(AFTER)), deleted);
});
