import type { Keyring } from '../core/keyring.ts';
import { versionOf } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';
import { answeredRequest, rememberRequest } from '../core/transitions/request.ts';
import { revoke } from '../core/transitions/revoke.ts';
import { type Rotated, type RotationKind, rotate } from '../core/transitions/rotate.ts';
import type { Context } from '../core/transitions/transition.ts';
import type { Version } from '../core/version.ts';
import { type ChangeDeps, type Changed, change, type Planned } from './change.ts';
import { digest } from './digest.ts';
import { type Asked, requireStored } from './keyrings.ts';

export interface RotationRequest extends Asked {
  readonly name: KeyringName;
  /** The caller's Idempotency-Key; null = every request is a new one. */
  readonly idempotencyKey: string | null;
}

export interface Rotation extends Planned {
  /** The version that signs from now on, or that will. */
  readonly version: Version;
  /** True when an earlier request with the same Idempotency-Key did this. */
  readonly replayed: boolean;
}

/** @throws KeyturnError `rotation_under_way`, `keyring_not_found`, `keyring_deleted`, `idempotency_mismatch`, `too_many_keys`, `clock_behind` */
export function rotateKeyring(deps: ChangeDeps, kind: RotationKind, request: RotationRequest): Promise<Changed<Rotation>> {
  return answerOnce(deps, request, ['rotate', kind, request.reason], (keyring, context) => rotate(keyring, kind, context));
}

/** @throws KeyturnError `version_not_found`, `version_ended`, and as `rotateKeyring` */
export function revokeVersion(deps: ChangeDeps, number: number, request: RotationRequest): Promise<Changed<Rotation>> {
  return answerOnce(deps, request, ['revoke', String(number), request.reason], (keyring, context) => revoke(keyring, number, context));
}

async function answerOnce(
  deps: ChangeDeps,
  { name, by, reason, idempotencyKey }: RotationRequest,
  asked: readonly string[],
  transition: (keyring: Keyring, context: Context) => Rotated,
): Promise<Changed<Rotation>> {
  const key = idempotencyKey === null ? null : digest(by.id, idempotencyKey);
  const body = digest(...asked);
  const done = await change(deps, {
    name,
    by,
    reason,
    step: (stored, context): Rotation => {
      const { keyring } = requireStored(stored, name);
      const answered = key === null ? null : answeredRequest(keyring, key, body);
      if (answered !== null) return { keyring, publishes: null, version: versionOf(keyring, answered.version), replayed: true };
      const rotated = transition(keyring, context);
      const done = { publishes: rotated.published ? rotated.version : null, version: rotated.version, replayed: false };
      if (key === null || rotated.keyring === keyring) return { ...done, keyring: rotated.keyring };
      const request = { key, body, at: context.now, version: rotated.version.version };
      return { ...done, keyring: rememberRequest(rotated.keyring, request) };
    },
  });
  // As it is in the end: a swap that took long has moved its activation.
  return { ...done, version: versionOf(done.keyring, done.version.version) };
}
