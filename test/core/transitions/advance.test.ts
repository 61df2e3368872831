import t from 'tap';
import { nextChangeAt, rolesAt } from '../../../src/core/roles.ts';
import { slotAfter } from '../../../src/core/schedule.ts';
import { DAY, HOUR, SECOND } from '../../../src/core/time.ts';
import { advance } from '../../../src/core/transitions/advance.ts';
import { markDeleted } from '../../../src/core/transitions/delete.ts';
import { revoke } from '../../../src/core/transitions/revoke.ts';
import { rotate } from '../../../src/core/transitions/rotate.ts';
import { graceAfter } from '../../../src/core/transitions/transition.ts';
import { SCHEDULER } from '../../../src/core/version.ts';
import { context, keyring, T0 } from '../../stores/keyrings.ts';

const PUBLISHED = T0 + 10 * DAY;
const PLANNED = PUBLISHED + DAY + 30 * SECOND;
const pending = rotate(keyring('web'), 'scheduled', context(PUBLISHED)).keyring;
const NOW = PUBLISHED + HOUR;

t.test('the version signs now, its predecessor verifies for one grace from now, and the history says why', async (t) => {
  const given = { ...context(NOW), reason: 'each of the 12 instances that hold a lease has version 2' };
  const advanced = advance(pending, 2, given);
  const [first, second] = advanced.versions;
  t.match(rolesAt(advanced, NOW), { current: { version: 2 }, previous: [{ version: 1 }], next: null });
  t.match(rolesAt(pending, NOW), { current: { version: 1 } }, 'the document before is as it was');
  t.same(second?.advanced, { at: NOW, by: SCHEDULER, reason: given.reason });
  t.same([second?.activatesAt, second?.created], [NOW, pending.versions[1]?.created]);
  t.equal(first?.verifyUntil, graceAfter(pending, NOW));
  t.equal(nextChangeAt(advanced, NOW), first?.verifyUntil);
  t.same(advanced.changed, { id: given.changeId, at: NOW, by: SCHEDULER });
});

t.test('the next slot is the first one after the new activation', async (t) => {
  const { schedule } = pending.policy;
  if (schedule === null) throw new Error('the default policy has a schedule');
  const early = rotate(keyring('web'), 'scheduled', context(Date.parse('2026-01-31T12:00:00.000Z'))).keyring;
  t.equal(early.nextRotationAt, slotAfter(schedule, Date.parse('2026-02-01T12:00:30.000Z')));
  const advanced = advance(early, 2, context(Date.parse('2026-01-31T13:00:00.000Z')));
  t.equal(advanced.nextRotationAt, Date.parse('2026-02-01T03:00:00.000Z'));
});

t.test('a version that does not wait is refused: none published, another one, cut, or activated as planned', async (t) => {
  const refused = { code: 'conflict' };
  t.throws(() => advance(keyring('web'), 2, context(NOW)), refused);
  t.throws(() => advance(pending, 3, context(NOW)), refused);
  t.throws(() => advance(revoke(pending, 2, context(NOW)).keyring, 2, context(NOW)), refused);
  t.throws(() => advance(pending, 2, context(PLANNED)), refused);
  t.equal(advance(pending, 2, context(PLANNED - 1)).versions[1]?.activatesAt, PLANNED - 1, 'a millisecond earlier it waits');
  t.throws(() => advance(advance(pending, 2, context(NOW)), 2, context(NOW)), refused, 'twice');
});

t.test('a deleted keyring and a clock that is behind are refused', async (t) => {
  t.throws(() => advance(markDeleted(pending, DAY, context(NOW)), 2, context(NOW)), { code: 'keyring_deleted' });
  t.throws(() => advance(pending, 2, context(PUBLISHED - 31 * SECOND)), { code: 'clock_behind' });
  t.equal(
    advance(pending, 2, context(PUBLISHED - 30 * SECOND)).versions[1]?.activatesAt,
    PUBLISHED,
    'within the skew: never before its publication',
  );
});
