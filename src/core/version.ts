import type { Branded } from './brand.ts';
import type { KeyEncoding } from './policy.ts';
import type { Instant } from './time.ts';

/** Who did something: an authenticated principal, or the service itself (`SCHEDULER`). Names are for people, ids for programs. */
export interface Actor {
  readonly id: PrincipalId;
  readonly name: string;
}

export type PrincipalId = Branded<'PrincipalId'>;

/** The service acting by itself when a slot is due or material is to be destroyed. */
export const SCHEDULER: Actor = { id: 'system:scheduler' as PrincipalId, name: 'scheduler' };

/** An act on a version: who, why and when. */
export interface Act {
  readonly at: Instant;
  readonly by: Actor;
  readonly reason: string;
}

/**
 * How a version came to be: `created` or `imported` with its keyring; by a rotation of one of the three kinds; or as the
 * `replacement` of a current version that was revoked.
 */
export const VERSION_KINDS = ['created', 'imported', 'scheduled', 'immediate', 'emergency', 'replacement'] as const;
export type VersionKind = (typeof VERSION_KINDS)[number];

/** How the material was made, so that an auditor need not take it on trust. */
export type Provenance =
  | {
      readonly origin: 'generated';
      readonly generator: string;
      readonly bytes: number;
      readonly encoding: KeyEncoding;
      readonly runtime: string;
      readonly openssl: string;
    }
  | {
      readonly origin: 'imported';
      /** Bytes that can bear entropy: decoded from hex or base64 where the text is one of them. */
      readonly bytes: number;
      /** Judged when imported. Randomness of an imported key cannot be proven. */
      readonly judgement: string;
      /** Present on a weak key that was imported all the same: it verifies and never signs. */
      readonly overridden?: Override;
    };

/** Who took a weak key's risk, and why. */
export interface Override {
  readonly by: Actor;
  readonly reason: string;
}

/**
 * Tells apart the material entries of one version: two writers that race for version 5 store `5` under different nonces, so
 * that the loser can destroy its orphan without touching the winner's.
 */
export type MaterialNonce = Branded<'MaterialNonce'>;

/** One key of a keyring, without its material. */
export interface Version {
  /** A positive integer, never reused within a name, not even after the keyring was purged and made anew. */
  readonly version: number;
  readonly nonce: MaterialNonce;
  readonly kind: VersionKind;
  /** When, by whom and why it was published: served from here on. */
  readonly created: Act;
  /** The slot of the schedule that it fills; null where none does. */
  readonly slot: Instant | null;
  /** Signs from here on. */
  readonly activatesAt: Instant;
  /** Set when activation was brought forward from the instant planned at publication. */
  readonly advanced: Act | null;
  /** Verifies before this instant; null until a successor is published. */
  readonly verifyUntil: Instant | null;
  readonly revoked: Act | null;
  /** When its material was destroyed; null while it exists. */
  readonly destroyedAt: Instant | null;
  readonly provenance: Provenance;
}

/** Whether the key is weak and was imported all the same, to verify what it signed before. */
export function isWeak({ provenance }: Version): boolean {
  return provenance.origin === 'imported' && provenance.overridden !== undefined;
}

/** May still be used, now or later, as far as acts decide; time alone decides the rest. */
export function isLive(version: Version): boolean {
  return version.revoked === null && version.destroyedAt === null;
}
