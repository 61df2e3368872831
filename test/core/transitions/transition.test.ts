import t from 'tap';
import { SECOND, toIso } from '../../../src/core/time.ts';
import { rotate } from '../../../src/core/transitions/rotate.ts';
import { changed, graceAfter, instantOfChange, plannedActivation, slotFollowing } from '../../../src/core/transitions/transition.ts';
import { at, context, keyring, ROUND_POLICY } from '../../support/keyrings.ts';

const CREATED = at('2026-03-01T00:00:00Z');
const shop = keyring('shop', CREATED, ROUND_POLICY);

t.test('a change happens now, or at the last change where the clock is behind within the skew', async (t) => {
  t.equal(instantOfChange(shop, CREATED + 1), CREATED + 1);
  t.equal(instantOfChange(shop, CREATED), CREATED);
  t.equal(instantOfChange(shop, CREATED - 60 * SECOND), CREATED);
  t.throws(() => instantOfChange(shop, CREATED - 60 * SECOND - 1), {
    code: 'clock_behind',
    message:
      'The clock of this machine is 61 s before the last change of keyring shop (2026-03-01T00:00:00.000Z). Set the clock right; nothing was changed.',
  });
});

t.test('the writer of a change is in the document, and the document is checked', async (t) => {
  const given = context(CREATED + 1);
  t.same(changed(shop, given, {}).changed, { id: given.changeId, at: CREATED + 1, by: given.by });
  t.throws(() => changed(shop, given, { versions: [] }), { code: 'corrupt_document' });
});

t.test('activation waits for propagation and for carried leases, whichever is later', async (t) => {
  const noon = at('2026-03-10T12:00:00Z');
  const planned = (leasesUntil: number) => toIso(plannedActivation({ ...shop, carryover: { leasesUntil, tokensUntil: 0 } }, noon));
  t.equal(planned(0), '2026-03-10T13:00:00.000Z');
  t.equal(planned(at('2026-03-10T12:59:00Z')), '2026-03-10T13:00:00.000Z');
  t.equal(planned(at('2026-03-10T12:59:00.001Z')), '2026-03-10T13:00:00.001Z');
});

t.test('grace waits for the last lease, the last token and the skew, carried or not', async (t) => {
  const noon = at('2026-03-10T12:00:00Z');
  const grace = (leasesUntil: number, tokensUntil: number) => toIso(graceAfter({ ...shop, carryover: { leasesUntil, tokensUntil } }, noon));
  t.equal(grace(0, 0), '2026-03-11T13:00:00.000Z');
  t.equal(grace(at('2026-03-10T12:59:00.001Z'), 0), '2026-03-11T13:00:00.001Z');
  t.equal(grace(0, at('2026-03-11T12:59:00.001Z')), '2026-03-11T13:00:00.001Z');
  t.equal(grace(at('2026-03-10T12:58:59.999Z'), at('2026-03-11T12:58:59.999Z')), '2026-03-11T13:00:00.000Z');
});

t.test('the slot to wait for comes after what is published and strictly after now', async (t) => {
  const hourly = { ...shop, policy: { ...ROUND_POLICY, schedule: { cron: '0 * * * *', timeZone: 'UTC' } } };
  t.equal(slotFollowing(shop, CREATED), null);
  t.equal(slotFollowing(hourly, CREATED), at('2026-03-01T01:00:00Z'));
  t.equal(slotFollowing(hourly, CREATED - 1), at('2026-03-01T01:00:00Z'));
  const { keyring: pending } = rotate(hourly, 'scheduled', context(at('2026-03-10T12:00:00Z')));
  t.equal(slotFollowing(pending, at('2026-03-10T12:00:00Z')), at('2026-03-10T14:00:00Z'));
});
