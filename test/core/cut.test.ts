import t from 'tap';
import { cutAt, lastCutAt, type SeenLease } from '../../src/core/cut.ts';
import type { Fleet } from '../../src/core/fleet.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/core/time.ts';
import { revoke } from '../../src/core/transitions/revoke.ts';
import { rotate } from '../../src/core/transitions/rotate.ts';
import { context, keyring, T0 } from '../stores/keyrings.ts';

const SKEW = 30 * SECOND;
const CUT = T0 + 10 * DAY;
const EMERGENCY = rotate(keyring('web'), 'emergency', context(CUT)).keyring;
const NOW = CUT + HOUR;
const BY_TIME = CUT + DAY + SKEW;

/** Last answered before the cut, unless said otherwise. */
function lease(fields: Partial<SeenLease> = {}): SeenLease {
  const before = { changedAt: T0, newest: 1 };
  const known = { instance: 'web-1', firstSeen: T0, until: NOW + 2 * HOUR, behindUntil: 0, offered: before };
  return { ...known, acknowledged: null, acknowledgedAt: null, ...fields };
}

const after = { changedAt: CUT, newest: 2 };
const out = (at: number) => lease({ offered: after, acknowledged: after, acknowledgedAt: at });
const fleet = (...leases: readonly SeenLease[]): Fleet<SeenLease> => ({ reach: 'own', completeSince: T0, leases });
const cut = (of: Fleet<SeenLease> | null, now = NOW) => cutAt(EMERGENCY, CUT, of, now);

t.test('the last cut is the last revocation, of however many versions', async (t) => {
  t.equal(lastCutAt(keyring('web')), null);
  t.equal(lastCutAt(EMERGENCY), CUT);
  t.same(cut(fleet()).versions, [1]);
  const two = rotate(rotate(keyring('web'), 'immediate', context(T0 + DAY)).keyring, 'emergency', context(CUT)).keyring;
  t.same(cutAt(two, CUT, fleet(), NOW).versions, [1, 2]);
  const one = revoke(two, 3, context(CUT + DAY)).keyring;
  t.same(cutAt(one, CUT + DAY, fleet(), NOW).versions, [3]);
});

t.test('who was last answered before the cut may use what was cut until its lease ends', async (t) => {
  const found = cut(fleet(lease(), lease({ instance: 'web-2', offered: after, behindUntil: NOW + HOUR }), out(CUT + MINUTE)));
  t.same(
    found.mayHold.map(({ instance }) => instance),
    ['web-1', 'web-2'],
  );
  t.equal(found.clearedAt, NOW + 2 * HOUR + SKEW);
});

t.test('it is cleared when the last one has shown that it holds the keys of after the cut', async (t) => {
  t.match(cut(fleet(out(CUT + MINUTE), out(CUT + 2 * MINUTE))), { mayHold: [], othersMay: false, clearedAt: CUT + 2 * MINUTE });
  t.equal(cut(fleet()).clearedAt, CUT, 'nobody had it');
  t.equal(cut(fleet({ ...out(CUT + 2 * HOUR), firstSeen: CUT + 1 })).clearedAt, CUT, 'who came later never had it');
});

t.test('a lease that has ended clears too, and stays in the reckoning', async (t) => {
  t.match(cut(fleet(lease({ until: CUT + MINUTE }))), { mayHold: [], clearedAt: CUT + MINUTE + SKEW });
  t.equal(cut(fleet(lease({ until: CUT - MINUTE }))).clearedAt, CUT, 'it had ended before');
});

t.test('nobody is in later than time alone allows, and where little is known time alone tells', async (t) => {
  t.equal(cut(fleet(out(CUT + 20 * DAY)), CUT + 21 * DAY).clearedAt, BY_TIME);
  t.match(cut(fleet(lease({ until: CUT + 20 * DAY })), BY_TIME), { mayHold: [], clearedAt: BY_TIME });
  t.match(cut({ ...fleet(), reach: 'none' }), { othersMay: true, clearedAt: BY_TIME });
  t.match(cut({ ...fleet(), completeSince: CUT - HOUR }), { othersMay: true, clearedAt: CUT - HOUR + DAY + SKEW });
  t.match(cut(null), { mayHold: [], othersMay: true, clearedAt: BY_TIME });
  t.match(cut(null, BY_TIME), { othersMay: false });
});
