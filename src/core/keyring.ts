import type { Branded } from './brand.ts';
import { KeyturnError } from './errors.ts';
import type { KeyringName } from './name.ts';
import type { Policy } from './policy.ts';
import type { Instant } from './time.ts';
import { type Act, type Actor, isLive, isWeak, type Version } from './version.ts';

/** Identifies one change of one document: drawn at random by its writer, so that a writer can recognise its own commit. */
export type ChangeId = Branded<'ChangeId'>;

/** The last change of a document: in the same swap as the change itself. */
export interface Change {
  readonly id: ChangeId;
  readonly at: Instant;
  readonly by: Actor;
}

/** Where a keyring is in its own life. A deleted one can be restored until `purgeAt`; a purged one keeps only its history. */
export type Lifecycle =
  | { readonly state: 'active' }
  | { readonly state: 'deleted'; readonly deleted: Act; readonly purgeAt: Instant }
  | { readonly state: 'purged'; readonly deleted: Act; readonly purgedAt: Instant };

/**
 * What an earlier, laxer policy still allows in the field: a lease granted, a token signed before the policy became stricter.
 * Propagation and grace wait for these too.
 */
export interface Carryover {
  readonly leasesUntil: Instant;
  readonly tokensUntil: Instant;
}

/** A rotation or revocation that came with an Idempotency-Key: what it asked for and what it made. */
export interface Request {
  /** A digest of the key and the caller; the key itself is the caller's. */
  readonly key: string;
  /** A digest of what was asked. */
  readonly body: string;
  readonly at: Instant;
  /** The version that the request published or promoted. */
  readonly version: number;
}

/**
 * One named secret over its whole life: an immutable value without key material.
 *
 * Invariants (`checkKeyring`):
 * - version numbers rise strictly; none is ever reused;
 * - live versions activate in the order of their numbers;
 * - the last live version has no `verifyUntil`; every other live one has, and it lies after its own activation;
 * - a weak version, which may not sign, is never the last live one;
 * - an active or deleted keyring has at least one live version; a purged one has none;
 * - a destroyed version was revoked (with its keyring, where that was purged) or retired.
 */
export interface Keyring {
  readonly name: KeyringName;
  readonly created: Act;
  readonly policy: Policy;
  readonly carryover: Carryover | null;
  /** Oldest first. */
  readonly versions: readonly Version[];
  /** The slot that is next to be filled; null without a schedule. */
  readonly nextRotationAt: Instant | null;
  readonly lifecycle: Lifecycle;
  /** Newest first; at most `MAX_REQUESTS`. */
  readonly requests: readonly Request[];
  readonly changed: Change;
}

/** How many Idempotency-Keys a document remembers. */
export const MAX_REQUESTS = 16;

export function liveVersions(keyring: Keyring): Version[] {
  return keyring.versions.filter(isLive);
}

export function lastVersionNumber(keyring: Keyring): number {
  return keyring.versions.at(-1)?.version ?? 0;
}

/** @throws KeyturnError `version_not_found` */
export function versionOf(keyring: Keyring, number: number): Version {
  const found = keyring.versions.find((version) => version.version === number);
  if (found !== undefined) return found;
  throw new KeyturnError('version_not_found', `Keyring ${keyring.name} has no version ${number}; its history lists the ones it has.`);
}

/** @throws KeyturnError `corrupt_document` naming the broken invariant. Every transition and every decoding ends here. */
export function checkKeyring(keyring: Keyring): Keyring {
  const broken = brokenInvariant(keyring);
  if (broken === null) return keyring;
  throw new KeyturnError('corrupt_document', `The document of keyring ${keyring.name} is not sound: ${broken}.`);
}

function brokenInvariant(keyring: Keyring): string | null {
  const live = liveVersions(keyring);
  if (!rising(keyring.versions.map(({ version }) => version))) return 'version numbers do not rise';
  if ((keyring.lifecycle.state === 'purged') !== (live.length === 0)) return 'it has no usable version, or one too many';
  const early = keyring.versions.find(isDestroyedEarly);
  if (early !== undefined) return `version ${early.version} is destroyed before its end`;
  for (const [index, version] of live.entries()) {
    const broken = brokenLink(version, live[index + 1]);
    if (broken !== null) return broken;
  }
  return null;
}

function brokenLink(version: Version, successor: Version | undefined): string | null {
  const { version: number, activatesAt, verifyUntil } = version;
  if (successor === undefined && isWeak(version)) return `the last version ${number} is weak and may not sign`;
  if (successor === undefined) return verifyUntil === null ? null : `the last version ${number} has an end`;
  if (activatesAt > successor.activatesAt) return `version ${successor.version} activates before version ${number}`;
  return verifyUntil === null || verifyUntil <= activatesAt ? `version ${number} has no end, or one before its activation` : null;
}

function isDestroyedEarly({ revoked, destroyedAt, verifyUntil }: Version): boolean {
  if (destroyedAt === null || revoked !== null) return false;
  return verifyUntil === null || destroyedAt < verifyUntil;
}

function rising(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => number > (numbers[index - 1] ?? 0));
}
