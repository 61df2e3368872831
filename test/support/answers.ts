import type { Keyring } from '../../src/core/keyring.ts';
import { grantableLease } from '../../src/core/lease.ts';
import { type Roles, rolesAt } from '../../src/core/roles.ts';
import { type Instant, SECOND } from '../../src/core/time.ts';
import { isLive, type Version } from '../../src/core/version.ts';
import type { Told } from './histories.ts';

/** The keys that an instance got at one instant, and until when it uses them. */
export interface Answer {
  readonly keyring: Keyring;
  readonly roles: Roles;
  readonly at: Instant;
  /** The end of the lease; the instance has stopped by then. */
  readonly until: Instant;
}

/**
 * The answers at the edge of what replicas may give: each validates its copy as late as this state was true, and answers from it as late as
 * its lease allows, just before and at every change of roles.
 */
export function answersOf(told: readonly Told[]): Answer[] {
  return told.flatMap(({ keyring, from }, index) => {
    if (keyring.lifecycle.state !== 'active') return [];
    const edges = edgesOf(keyring);
    const last = (told[index + 1]?.from ?? Math.max(from, ...edges) + 1) - 1;
    const validated = within([from, last, ...edges], from, last);
    return validated.flatMap((at) => grantedFrom(keyring, at, edges));
  });
}

function grantedFrom(keyring: Keyring, validatedAt: Instant, edges: readonly Instant[]): Answer[] {
  const lastGrant = validatedAt + (keyring.policy.leaseSeconds - 1) * SECOND;
  return within([validatedAt, lastGrant, ...edges], validatedAt, lastGrant).flatMap((at) => {
    const roles = rolesAt(keyring, at);
    const lease = grantableLease(keyring.policy, at - validatedAt);
    return roles === null ? [] : [{ keyring, roles, at, until: at + lease * SECOND }];
  });
}

/** Just before and at every instant at which a document's roles may change. */
function edgesOf(keyring: Keyring): Instant[] {
  return keyring.versions.filter(isLive).flatMap(({ activatesAt, verifyUntil }) => {
    const instants = verifyUntil === null ? [activatesAt] : [activatesAt, verifyUntil];
    return instants.flatMap((instant) => [instant - 1, instant]);
  });
}

function within(instants: readonly Instant[], first: Instant, last: Instant): Instant[] {
  return [...new Set(instants)].filter((instant) => instant >= first && instant <= last);
}

/** All the tokens that instances sign with one version by one state of the document. */
export interface Signing {
  readonly version: Version;
  readonly first: Instant;
  /** When the last token of all ends, inclusive. */
  readonly lastTokenEnds: Instant;
}

export function signingsOf(answers: readonly Answer[]): Signing[] {
  const signings = new Map<string, Signing>();
  for (const { keyring, roles, at, until } of answers) {
    const version = roles.current;
    const id = `${keyring.changed.id} ${version.version}`;
    const same = signings.get(id);
    const ends = until - 1 + keyring.policy.tokenLifetimeSeconds * SECOND;
    signings.set(id, {
      version,
      first: Math.min(at, same?.first ?? at),
      lastTokenEnds: Math.max(ends, same?.lastTokenEnds ?? ends),
    });
  }
  return [...signings.values()];
}

/** Why an instance with that answer refuses some of these tokens; null when it takes every one that it may meet. */
export function refusal({ version, first, lastTokenEnds }: Signing, { keyring, roles, at, until }: Answer): string | null {
  const meets = Math.max(first, at);
  const lastMeets = Math.min(lastTokenEnds, until - 1);
  if (meets > lastMeets) return null;
  if ([roles.current, roles.next].some((held) => held?.version === version.version)) return null;
  const previous = roles.previous.find((held) => held.version === version.version);
  if (previous !== undefined) {
    const dropped = previous.verifyUntil ?? Number.POSITIVE_INFINITY;
    return lastMeets < dropped ? null : `version ${version.version} is dropped before its last token ends`;
  }
  const known = keyring.versions.find((held) => held.version === version.version);
  if (known === undefined) return isPublishedBeforeUse(version) ? `version ${version.version} is met before it is held` : null;
  return known.revoked === null ? `version ${version.version} is retired before its last token ends` : null;
}

/** Versions that take their place at once are met by instances that do not hold them yet: on purpose. */
function isPublishedBeforeUse({ kind, advanced }: Version): boolean {
  return kind === 'scheduled' && advanced === null;
}
