import type { Keyring } from './keyring.ts';
import { slotsBetween } from './schedule.ts';
import { earliest, type Instant, SECOND } from './time.ts';
import type { Version } from './version.ts';

/** What the service should do with a keyring by itself, and why. */
export type Decision =
  | { readonly do: 'wait'; readonly until: Instant | null }
  | { readonly do: 'rotate'; readonly slot: Instant; readonly missedSlots: number; readonly reason: string }
  | { readonly do: 'destroy'; readonly versions: readonly Version[]; readonly reason: string }
  | { readonly do: 'purge'; readonly reason: string };

const MISSED_SLOTS_COUNTED = 1_000;

/** One decision at a time, the most final one first; the shell carries it out and asks again. */
export function decide(keyring: Keyring, now: Instant): Decision {
  if (keyring.lifecycle.state === 'deleted' && keyring.lifecycle.purgeAt <= now) {
    return { do: 'purge', reason: 'the recovery window is over' };
  }
  const versions = keyring.versions.filter((version) => isDestructionDue(keyring, version, now));
  if (versions.length > 0) return { do: 'destroy', versions, reason: 'retired or revoked' };
  const slot = slotOf(keyring);
  if (slot !== null && slot <= now) return { do: 'rotate', slot, ...lateness(keyring, slot, now) };
  return { do: 'wait', until: dueAt(keyring) };
}

/** When `decide` will next ask for something; null = never without an act. The past = it asks now. */
export function dueAt(keyring: Keyring): Instant | null {
  const destructions = keyring.versions.map((version) => destructionAt(keyring, version));
  const purge = keyring.lifecycle.state === 'deleted' ? keyring.lifecycle.purgeAt : null;
  return earliest([...destructions, purge, slotOf(keyring)].filter((at) => at !== null));
}

/**
 * When the material of a version is to be destroyed: at once after revocation; after retirement one skew later, so that no replica whose
 * clock is behind still wants to serve it.
 */
export function destructionAt(keyring: Keyring, version: Version): Instant | null {
  if (version.destroyedAt !== null) return null;
  if (version.revoked !== null) return version.revoked.at;
  return version.verifyUntil === null ? null : version.verifyUntil + keyring.policy.skewSeconds * SECOND;
}

function isDestructionDue(keyring: Keyring, version: Version, now: Instant): boolean {
  const at = destructionAt(keyring, version);
  return at !== null && at <= now;
}

function slotOf(keyring: Keyring): Instant | null {
  return keyring.lifecycle.state === 'active' ? keyring.nextRotationAt : null;
}

function lateness({ policy }: Keyring, slot: Instant, now: Instant): { missedSlots: number; reason: string } {
  const missedSlots = policy.schedule === null ? 0 : slotsBetween(policy.schedule, slot, now, MISSED_SLOTS_COUNTED);
  const reason = missedSlots === 0 ? 'scheduled rotation' : `scheduled rotation, caught up after ${missedSlots + 1} missed slots`;
  return { missedSlots, reason };
}
