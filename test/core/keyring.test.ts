import t from 'tap';
import { checkKeyring, type Keyring, lastVersionNumber, liveVersions, versionOf } from '../../src/core/keyring.ts';
import { markDestroyed } from '../../src/core/transitions/retire.ts';
import { rotate } from '../../src/core/transitions/rotate.ts';
import type { Version } from '../../src/core/version.ts';
import { at, context, keyring, ROUND_POLICY, T0 } from '../support/keyrings.ts';

const shop = keyring('shop', at('2026-03-01T00:00:00Z'), ROUND_POLICY);
const noon = at('2026-03-10T12:00:00Z');
const rotated = rotate(shop, 'scheduled', context(noon)).keyring;

/** The rotated keyring with fields of version 1 and of version 2 changed. */
const odd = (first: Partial<Version>, second: Partial<Version> = {}): Keyring => ({
  ...rotated,
  versions: rotated.versions.map((version, index) => ({ ...version, ...(index === 0 ? first : second) })),
});
const act = shop.created;

t.test('a sound keyring is handed back as it is', async (t) => {
  t.equal(checkKeyring(shop), shop);
  t.equal(checkKeyring(rotated), rotated);
});

t.test('every broken invariant is named', async (t) => {
  const purged = { state: 'purged', deleted: act, purgedAt: T0 } as const;
  const table: [Keyring, RegExp][] = [
    [odd({ version: 0 }), /numbers do not rise/],
    [odd({ version: 2 }), /numbers do not rise/],
    [odd({ version: 3 }), /numbers do not rise/],
    [odd({ revoked: act }, { revoked: act }), /no usable version/],
    [{ ...shop, versions: [] }, /no usable version/],
    [{ ...shop, lifecycle: purged }, /one too many/],
    [odd({}, { activatesAt: shop.created.at - 1 }), /version 2 activates before version 1/],
    [odd({ verifyUntil: null }), /version 1 has no end/],
    [odd({ verifyUntil: shop.created.at }), /version 1 has no end, or one before its activation/],
    [odd({}, { verifyUntil: noon + 1 }), /the last version 2 has an end/],
    [odd({ destroyedAt: noon }), /version 1 is destroyed before its end/],
    [odd({}, { destroyedAt: noon }), /version 2 is destroyed before its end/],
  ];
  for (const [broken, message] of table) t.throws(() => checkKeyring(broken), { code: 'corrupt_document', message });
});

t.test('what a revoked or destroyed version says of its dates breaks nothing', async (t) => {
  t.ok(checkKeyring(odd({ revoked: act, verifyUntil: null, destroyedAt: act.at })));
  t.ok(checkKeyring({ ...shop, versions: odd({ revoked: act, verifyUntil: null, activatesAt: noon * 2 }).versions }));
});

t.test('numbers are looked up, and the last one is the highest', async (t) => {
  t.equal(lastVersionNumber({ ...shop, versions: [] }), 0);
  t.equal(lastVersionNumber(rotated), 2);
  t.equal(versionOf(rotated, 2), rotated.versions[1]);
  t.throws(() => versionOf(rotated, 3), { code: 'version_not_found', message: /shop has no version 3/ });
});

t.test('live is what is neither revoked nor destroyed, whatever the time', async (t) => {
  const ended = markDestroyed(rotated, new Set([1]), context(at('2026-03-12T00:00:00Z')));
  t.same(
    liveVersions(ended).map(({ version }) => version),
    [2],
  );
  t.equal(liveVersions(rotated).length, 2);
});
