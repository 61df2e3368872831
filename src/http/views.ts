import type { Keyring } from '../core/keyring.ts';
import { grace, propagation } from '../core/policy.ts';
import { type Roles, roleAt, rolesAt } from '../core/roles.ts';
import { type Instant, SECOND, toIso } from '../core/time.ts';
import { type Act, isWeak, type Version } from '../core/version.ts';
import type { Stored } from '../ports/store.ts';
import type { TokenRecord } from '../ports/tokens.ts';
import type { TokenOrigin } from './deps.ts';

type ServedRole = 'next' | 'current' | 'previous';

const isoOrNull = (at: Instant | null): string | null => (at === null ? null : toIso(at));
const actView = ({ at, by, reason }: Act) => ({ at: toIso(at), by, reason });
const actOrNull = (act: Act | null) => (act === null ? null : actView(act));

/** A keyring without material, as of one instant. */
export function keyringView({ keyring, revision }: Stored, now: Instant) {
  const { name, created, changed, policy, lifecycle, nextRotationAt } = keyring;
  return {
    name,
    revision,
    state: lifecycle.state,
    created: actView(created),
    changed: { at: toIso(changed.at), by: changed.by },
    policy,
    derived: { propagationSeconds: propagation(policy) / SECOND, graceSeconds: grace(policy) / SECOND },
    versions: servedVersions(keyring, now),
    nextRotationAt: isoOrNull(nextRotationAt),
    deletion: deletionView(keyring),
  };
}

function servedVersions(keyring: Keyring, now: Instant) {
  const roles = rolesAt(keyring, now);
  if (roles === null) return [];
  const { next, current, previous } = roles;
  return [next, current, ...previous]
    .filter((version) => version !== null)
    .map((version) => ({
      version: version.version,
      role: servedRole(roles, version),
      kind: version.kind,
      publishedAt: toIso(version.created.at),
      activatesAt: toIso(version.activatesAt),
      verifyUntil: isoOrNull(version.verifyUntil),
      ...(isWeak(version) && { weak: true as const }),
    }));
}

function servedRole({ next, current }: Roles, version: Version): ServedRole {
  if (version === next) return 'next';
  return version === current ? 'current' : 'previous';
}

function deletionView({ lifecycle }: Keyring) {
  if (lifecycle.state === 'active') return null;
  const deleted = actView(lifecycle.deleted);
  return lifecycle.state === 'deleted'
    ? { deleted, purgeAt: toIso(lifecycle.purgeAt), purgedAt: null }
    : { deleted, purgeAt: null, purgedAt: toIso(lifecycle.purgedAt) };
}

/** One version's whole life. */
export function historyItem(keyring: Keyring, version: Version, now: Instant) {
  return {
    version: version.version,
    role: roleAt(keyring, version, now),
    kind: version.kind,
    created: actView(version.created),
    slot: isoOrNull(version.slot),
    activatesAt: toIso(version.activatesAt),
    advanced: actOrNull(version.advanced),
    verifyUntil: isoOrNull(version.verifyUntil),
    revoked: actOrNull(version.revoked),
    destroyedAt: isoOrNull(version.destroyedAt),
    provenance: version.provenance,
  };
}

export type HistoryItem = ReturnType<typeof historyItem>;

/** A token without its text. */
export function tokenView(token: TokenRecord, origin: TokenOrigin) {
  const { id, name, roles, keyrings, createdAt, createdBy, expiresAt, revoked, lastUsedAt } = token;
  return {
    id,
    name,
    roles: [...roles],
    keyrings: [...keyrings],
    createdAt: toIso(createdAt),
    createdBy,
    expiresAt: isoOrNull(expiresAt),
    revoked: actOrNull(revoked),
    lastUsedAt: isoOrNull(lastUsedAt),
    origin,
  };
}
