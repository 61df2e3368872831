import type { ChangeId, Keyring } from '../../src/core/keyring.ts';
import { DEFAULT_POLICY } from '../../src/core/policy.ts';
import { DAY } from '../../src/core/time.ts';
import { amendPolicy } from '../../src/core/transitions/amend.ts';
import { create } from '../../src/core/transitions/create.ts';
import { markDeleted, markPurged } from '../../src/core/transitions/delete.ts';
import { rememberRequest } from '../../src/core/transitions/request.ts';
import { markDestroyed } from '../../src/core/transitions/retire.ts';
import { revoke } from '../../src/core/transitions/revoke.ts';
import { rotate } from '../../src/core/transitions/rotate.ts';
import type { Context } from '../../src/core/transitions/transition.ts';
import type { MaterialNonce, PrincipalId, Provenance } from '../../src/core/version.ts';
import { at, named } from '../support/keyrings.ts';

const generated: Provenance = {
  origin: 'generated',
  generator: 'node:crypto randomBytes',
  bytes: 32,
  encoding: 'hex',
  runtime: 'v24.0.0',
  openssl: '3.5.0',
};
const imported: Provenance = { origin: 'imported', bytes: 32, judgement: 'no fault found; randomness cannot be proven' };

/** The same context for the same instant, so that the documents are the same every time. */
function on(iso: string, provenance = generated): Context {
  const draft = at(iso).toString(16).padStart(16, '0');
  return {
    now: at(iso),
    by: { id: 'token:ops' as PrincipalId, name: 'ops' },
    reason: 'quarterly "review", über 1 Jahr',
    changeId: `change-${draft}` as ChangeId,
    draft: { nonce: draft as MaterialNonce, provenance },
  };
}

const active = create(null, named('shop.web_1'), DEFAULT_POLICY, 'created', on('2026-01-15T10:20:30.457Z'));
const next = rotate(active, 'scheduled', on('2026-02-01T03:00:00.012Z'), at('2026-02-01T03:00:00Z')).keyring;
const revoked = revoke(next, 1, on('2026-02-01T12:00:00Z')).keyring;
const destroyed = markDestroyed(revoked, new Set([1]), on('2026-02-01T12:00:01Z'));
const deleted = markDeleted(next, 7 * DAY, on('2026-02-03T00:00:00Z'));
const stricter = { ...DEFAULT_POLICY, schedule: null, leaseSeconds: 3_600, tokenLifetimeSeconds: 3_600 };
const { keyring: immediate, version } = rotate(active, 'immediate', on('2026-01-20T00:00:00Z'));

/** One document of every shape that the schema allows, each made by acts. */
export const GOLDEN_DOCUMENTS: Readonly<Record<string, Keyring>> = {
  active,
  next,
  revoked,
  destroyed,
  deleted,
  purged: markPurged(deleted, on('2026-02-10T00:00:00Z')),
  imported: create(
    null,
    named('legacy'),
    { ...DEFAULT_POLICY, keyEncoding: 'base64url' },
    'imported',
    on('2026-01-15T00:00:00Z', imported),
  ),
  carryover: amendPolicy(next, stricter, on('2026-02-01T04:00:00Z')),
  requests: rememberRequest(immediate, { key: 'a'.repeat(64), body: 'b'.repeat(64), at: immediate.changed.at, version: version.version }),
};
