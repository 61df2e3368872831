import t from 'tap';
import { decodeKeyring, encodeKeyring } from '../../../src/core/codec.ts';
import { checkKeyring, type Keyring, versionOf } from '../../../src/core/keyring.ts';
import { DEFAULT_POLICY, grace } from '../../../src/core/policy.ts';
import { nextChangeAt, roleAt, rolesAt } from '../../../src/core/roles.ts';
import { DAY, HOUR, SECOND } from '../../../src/core/time.ts';
import { create } from '../../../src/core/transitions/create.ts';
import { markDeleted, markPurged } from '../../../src/core/transitions/delete.ts';
import { revoke } from '../../../src/core/transitions/revoke.ts';
import { rotate } from '../../../src/core/transitions/rotate.ts';
import type { Context } from '../../../src/core/transitions/transition.ts';
import { isWeak, type MaterialNonce, type Provenance, SCHEDULER } from '../../../src/core/version.ts';
import { context, named, T0 } from '../../stores/keyrings.ts';

const WEAK: Provenance = {
  origin: 'imported',
  bytes: 15,
  judgement: 'weak: it is a phrase of words',
  overridden: { by: SCHEDULER, reason: 'off the tutorial key' },
};
const SOUND: Provenance = { origin: 'imported', bytes: 32, judgement: 'no fault found' };

function at(now: number, provenance = WEAK): Context {
  return { ...context(now), takenOver: { nonce: context().draft.nonce as MaterialNonce, provenance } };
}

function takeOver(verifyForSeconds: number | null = null, provenance = WEAK): Keyring {
  return create(null, named('web'), DEFAULT_POLICY, 'created', at(T0, provenance), { verifyForSeconds });
}

t.test('the key of today becomes version 1, which verifies for the grace; version 2 is fresh and signs at once', async (t) => {
  const keyring = takeOver();
  const roles = rolesAt(keyring, T0);
  t.match(roles, { current: { version: 2, kind: 'created', verifyUntil: null }, previous: [{ version: 1, kind: 'imported' }], next: null });
  t.equal(roles?.previous[0]?.verifyUntil, T0 + grace(DEFAULT_POLICY));
  t.equal(roleAt(keyring, versionOf(keyring, 1), T0 + grace(DEFAULT_POLICY)), 'retired');
  t.equal(nextChangeAt(keyring, T0), T0 + grace(DEFAULT_POLICY));
});

t.test('the importer may shorten its use, to the millisecond, and not lengthen it', async (t) => {
  const keyring = takeOver(3_600);
  t.equal(rolesAt(keyring, T0 + HOUR - 1)?.previous.length, 1);
  t.equal(rolesAt(keyring, T0 + HOUR)?.previous.length, 0);
  t.equal(takeOver(grace(DEFAULT_POLICY) / SECOND).versions.length, 2);
  t.throws(() => takeOver(grace(DEFAULT_POLICY) / SECOND + 1), { code: 'invalid_request', message: /verifyForSeconds is longer/ });
});

t.test('a weak key signs at no instant, whatever the clock says and whatever is done to the keyring', async (t) => {
  const keyring = takeOver();
  const later = T0 + 40 * DAY;
  const acts: Readonly<Record<string, Keyring>> = {
    untouched: keyring,
    'rotated safely': rotate(keyring, 'scheduled', context(T0 + HOUR)).keyring,
    'rotated at once': rotate(keyring, 'immediate', context(T0 + HOUR)).keyring,
    'rotated in an emergency': rotate(keyring, 'emergency', context(T0 + HOUR)).keyring,
    'fresh key revoked': revoke(keyring, 2, context(T0 + HOUR)).keyring,
    'next key revoked': revoke(rotate(keyring, 'scheduled', context(T0 + HOUR)).keyring, 3, context(T0 + 2 * HOUR)).keyring,
    'weak key revoked': revoke(keyring, 1, context(T0 + HOUR)).keyring,
  };
  for (const [act, changed] of Object.entries(acts)) {
    for (const now of [0, T0 - DAY, T0 - 1, T0, T0 + HOUR - 1, T0 + HOUR, T0 + DAY, later]) {
      const roles = rolesAt(changed, now);
      t.notOk(roles === null || isWeak(roles.current) || (roles.next !== null && isWeak(roles.next)), `${act} at ${now - T0}`);
    }
  }
});

t.test('a document in which a weak key is the last one is not sound', async (t) => {
  const keyring = takeOver();
  const [weak] = keyring.versions;
  t.throws(() => checkKeyring({ ...keyring, versions: weak === undefined ? [] : [{ ...weak, verifyUntil: null }] }), {
    code: 'corrupt_document',
    message: /weak and may not sign/,
  });
});

t.test('a sound key is taken over without a mark', async (t) => {
  t.notOk(takeOver(null, SOUND).versions.some(isWeak));
});

t.test('over a purged keyring the numbers go on', async (t) => {
  const purged = markPurged(markDeleted(takeOver(), 7 * DAY, context(T0 + HOUR)), context(T0 + 8 * DAY));
  const again = create(purged, named('web'), DEFAULT_POLICY, 'created', at(T0 + 9 * DAY), { verifyForSeconds: null });
  t.match(rolesAt(again, T0 + 9 * DAY), { current: { version: 4 }, previous: [{ version: 3 }] });
});

t.test('who took the risk and why survives the document; documents from before there was such a mark are read', async (t) => {
  for (const keyring of [takeOver(), takeOver(null, SOUND)]) t.same(decodeKeyring(encodeKeyring(keyring)), keyring);
});
