import t from 'tap';
import { DEFAULT_POLICY } from '../../../src/core/policy.ts';
import { DAY } from '../../../src/core/time.ts';
import { create } from '../../../src/core/transitions/create.ts';
import { markDeleted, markPurged } from '../../../src/core/transitions/delete.ts';
import { at, context, keyring, named, ROUND_POLICY } from '../../support/keyrings.ts';

const shop = keyring('shop', at('2026-03-01T00:00:00Z'), ROUND_POLICY);
const deleted = markDeleted(shop, 7 * DAY, context(at('2026-03-10T00:00:00Z')));
const purged = markPurged(deleted, context(at('2026-03-17T00:00:00Z')));

t.test('the first version signs at once, and the first slot follows', async (t) => {
  const made = create(null, named('shop'), DEFAULT_POLICY, 'created', context(at('2026-03-01T03:00:00Z')));
  t.match(made.versions, [{ version: 1, kind: 'created', activatesAt: at('2026-03-01T03:00:00Z'), verifyUntil: null, slot: null }]);
  t.match(made, { lifecycle: { state: 'active' }, carryover: null, nextRotationAt: at('2026-04-01T03:00:00Z'), requests: [] });
  t.equal(keyring('still', at('2026-03-01T00:00:00Z'), ROUND_POLICY).nextRotationAt, null);
});

t.test('a name is taken while its keyring is not purged', async (t) => {
  const again = (previous: typeof shop) => () =>
    create(previous, previous.name, ROUND_POLICY, 'imported', context(at('2026-03-18T00:00:00Z')));
  t.throws(again(shop), { code: 'keyring_exists', message: 'There is a keyring shop already.' });
  t.throws(again(deleted), { code: 'keyring_exists', message: 'There is a keyring shop already. It is deleted and can be restored.' });
});

t.test('over a purged keyring the numbers and the history go on', async (t) => {
  const again = create(purged, purged.name, ROUND_POLICY, 'imported', context(at('2026-03-18T00:00:00Z')));
  t.match(again.versions, [
    { version: 1, kind: 'created', revoked: { at: at('2026-03-17T00:00:00Z') } },
    { version: 2, kind: 'imported', revoked: null },
  ]);
  t.equal(again.created.at, at('2026-03-18T00:00:00Z'));
});

t.test('over a purged keyring the history does not run backwards', async (t) => {
  const behind = (seconds: number) => context(at('2026-03-17T00:00:00Z') - seconds * 1_000);
  const again = create(purged, purged.name, ROUND_POLICY, 'created', behind(60));
  t.equal(again.changed.at, at('2026-03-17T00:00:00Z'));
  t.equal(again.versions[1]?.activatesAt, at('2026-03-17T00:00:00Z'));
  t.throws(() => create(purged, purged.name, ROUND_POLICY, 'created', behind(61)), { code: 'clock_behind' });
});
