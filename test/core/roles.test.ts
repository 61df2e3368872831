import t from 'tap';
import type { Keyring } from '../../src/core/keyring.ts';
import { nextChangeAt, roleAt, rolesAt } from '../../src/core/roles.ts';
import { DAY, toIso } from '../../src/core/time.ts';
import { markDeleted, markPurged } from '../../src/core/transitions/delete.ts';
import { markDestroyed } from '../../src/core/transitions/retire.ts';
import { revoke } from '../../src/core/transitions/revoke.ts';
import { rotate } from '../../src/core/transitions/rotate.ts';
import { at, context, keyring, ROUND_POLICY } from '../support/keyrings.ts';

const created = keyring('shop', at('2026-03-01T00:00:00Z'), ROUND_POLICY);
/** Version 2 is published at 12:00 on 10 March, signs from 13:00, and version 1 verifies for 25 hours more. */
const rotated = rotate(created, 'scheduled', context(at('2026-03-10T12:00:00Z'))).keyring;
/** Version 3 follows so soon that version 1 still verifies. */
const twice = rotate(rotated, 'scheduled', context(at('2026-03-10T20:00:00Z'))).keyring;

/** The roles of all versions at an instant in one word: `1c 2n` is version 1 current and 2 next. */
function words(keyring: Keyring, iso: string): string {
  return keyring.versions.map((version) => `${version.version}${roleAt(keyring, version, at(iso)).slice(0, 3)}`).join(' ');
}

t.test('roles follow the clock to the millisecond', async (t) => {
  const table: [string, string][] = [
    ['2026-03-10T20:00:00.000Z', '1pre 2cur 3nex'],
    ['2026-03-10T20:00:00.001Z', '1pre 2cur 3nex'],
    ['2026-03-10T20:59:59.999Z', '1pre 2cur 3nex'],
    ['2026-03-10T21:00:00.000Z', '1pre 2pre 3cur'],
    ['2026-03-10T21:00:00.001Z', '1pre 2pre 3cur'],
    ['2026-03-11T13:59:59.999Z', '1pre 2pre 3cur'],
    ['2026-03-11T14:00:00.000Z', '1ret 2pre 3cur'],
    ['2026-03-11T14:00:00.001Z', '1ret 2pre 3cur'],
    ['2026-03-11T21:59:59.999Z', '1ret 2pre 3cur'],
    ['2026-03-11T22:00:00.000Z', '1ret 2ret 3cur'],
    ['2026-03-11T22:00:00.001Z', '1ret 2ret 3cur'],
    ['2126-03-11T22:00:00.001Z', '1ret 2ret 3cur'],
  ];
  for (const [iso, expected] of table) t.equal(words(twice, iso), expected, iso);
});

t.test('a published version activates to the millisecond', async (t) => {
  t.equal(words(rotated, '2026-03-10T12:00:00.000Z'), '1cur 2nex');
  t.equal(words(rotated, '2026-03-10T12:59:59.999Z'), '1cur 2nex');
  t.equal(words(rotated, '2026-03-10T13:00:00.000Z'), '1pre 2cur');
  t.equal(words(rotated, '2026-03-10T13:00:00.001Z'), '1pre 2cur');
});

t.test('a clock behind the last change of a document shows the roles of that change', async (t) => {
  for (const iso of ['1970-01-01T00:00:00Z', '2026-03-01T00:00:00Z', '2026-03-10T11:59:59.999Z'])
    t.equal(words(rotated, iso), '1cur 2nex', iso);
});

t.test(
  'a replica whose clock is behind never signs with a version that was replaced, after the one that replaced it is revoked',
  async (t) => {
    const revoked = revoke(rotated, 2, context(at('2026-03-10T18:00:00Z'))).keyring;
    t.equal(words(revoked, '2026-03-10T18:00:00Z'), '1pre 2rev 3cur');
    t.equal(words(revoked, '2026-03-10T17:59:55Z'), '1pre 2rev 3cur');
  },
);

t.test('previous versions come newest first', async (t) => {
  const roles = rolesAt(twice, at('2026-03-10T22:00:00Z'));
  t.same(
    roles?.previous.map(({ version }) => version),
    [2, 1],
  );
});

t.test('destroyed and revoked versions have no way back, whatever the clock shows', async (t) => {
  const destroyed = markDestroyed(twice, new Set([1]), context(at('2026-03-11T14:01:00Z')));
  const revoked = revoke(destroyed, 2, context(at('2026-03-11T15:00:00Z'))).keyring;
  for (const iso of [
    '1970-01-01T00:00:00Z',
    '2026-03-01T00:00:00Z',
    '2026-03-10T20:30:00Z',
    '2026-03-11T14:00:00Z',
    '2200-01-01T00:00:00Z',
  ]) {
    t.equal(words(revoked, iso), '1ret 2rev 3cur', iso);
  }
});

t.test('a destroyed version is not served even where its dates say that it verifies', async (t) => {
  const [first, second] = rotated.versions;
  if (first === undefined || second === undefined) throw new Error('two versions');
  const odd = { ...rotated, versions: [{ ...first, destroyedAt: first.activatesAt }, second] };
  t.equal(words(odd, '2026-03-10T12:30:00Z'), '1ret 2cur');
  t.same(rolesAt(odd, at('2026-03-10T14:00:00Z'))?.previous, []);
});

t.test('a deleted keyring keeps its roles; a purged one has none', async (t) => {
  const deleted = markDeleted(rotated, 7 * DAY, context(at('2026-03-12T00:00:00Z')));
  t.equal(words(deleted, '2026-03-12T00:00:00Z'), '1ret 2cur');
  const purged = markPurged(deleted, context(at('2026-03-19T00:00:00Z')));
  t.equal(rolesAt(purged, at('2026-03-19T00:00:00Z')), null);
  t.equal(words(purged, '2026-03-01T00:00:00Z'), '1rev 2rev');
});

t.test('the next change of roles is named to the millisecond', async (t) => {
  const table: [string, string | null][] = [
    ['2020-01-01T00:00:00.000Z', '2026-03-10T21:00:00.000Z'],
    ['2026-03-10T20:59:59.999Z', '2026-03-10T21:00:00.000Z'],
    ['2026-03-10T21:00:00.000Z', '2026-03-11T14:00:00.000Z'],
    ['2026-03-11T13:59:59.999Z', '2026-03-11T14:00:00.000Z'],
    ['2026-03-11T14:00:00.000Z', '2026-03-11T22:00:00.000Z'],
    ['2026-03-11T21:59:59.999Z', '2026-03-11T22:00:00.000Z'],
    ['2026-03-11T22:00:00.000Z', null],
  ];
  for (const [now, expected] of table) {
    const change = nextChangeAt(twice, at(now));
    t.equal(change === null ? null : toIso(change), expected, now);
  }
  t.equal(nextChangeAt(created, at('2026-03-01T00:00:00Z')), null);
});
