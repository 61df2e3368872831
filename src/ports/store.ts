import type { Branded } from '../core/brand.ts';
import type { Keyring } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';
import type { Secret } from '../core/secret.ts';
import type { Instant } from '../core/time.ts';
import type { MaterialNonce } from '../core/version.ts';

/** The store's opaque compare-and-swap token of a keyring document. At most 64 characters of `[A-Za-z0-9._-]`. */
export type Revision = Branded<'Revision'>;

/** A document as it was in the store at one moment. */
export interface Stored {
  readonly keyring: Keyring;
  readonly revision: Revision;
}

/** Names one material entry. `nonce` keeps the entries of writers that race for one version apart. */
export interface MaterialRef {
  readonly keyring: KeyringName;
  readonly version: number;
  readonly nonce: MaterialNonce;
}

/** A material entry that exists, destroyed ones left out. */
export interface MaterialEntry {
  readonly ref: MaterialRef;
  readonly storedAt: Instant;
}

export interface Page<Item, Cursor> {
  readonly items: readonly Item[];
  /** Pass it as `after` for the page that follows; null on the last page. */
  readonly next: Cursor | null;
}

export interface CallOptions {
  /** Gives the call up. A swap or put that was given up may still have happened. */
  readonly signal?: AbortSignal;
}

/**
 * Where keyrings live. Two kinds of entries: documents (one a keyring, compare-and-swapped, without material) and material (one a
 * version, written once, really destroyed at the end). The store has no business logic.
 *
 * Contract, which `test/stores/conformance.ts` holds every store to:
 * - **Absence is not outage.** `undefined` means that the store itself said "not found". Everything else that is not an answer is thrown as
 *   `store_unavailable` (trying again may help), `store_full` or `store_read_only` (an operator must act), or `corrupt_document` /
 *   `corrupt_material` (this entry cannot be read; others can).
 * - **A swap is atomic and durable.** When it returns a revision, every later `load` by anybody returns that document or a later one,
 *   and a crash does not undo it. It returns null, and changes nothing, when the document is no longer at `expected` (or, for
 *   `expected === null`, exists). A swap that throws may have happened: read again and look for your `changed.id`.
 * - Revisions of one name never repeat.
 * - **Material is written once.** Putting other bytes under a reference that exists, or any bytes under one that was destroyed, throws
 *   `material_exists`; putting the same bytes again is harmless.
 * - **Destruction is honest.** After `destroyMaterial` returns, no entry, revision or version that the store keeps holds the bytes, and
 *   `getMaterial` says undefined for ever. Destroying what is destroyed or never was is harmless.
 * - Times keep their milliseconds. Errors carry no material and no credentials, neither in the message nor in the cause.
 */
export interface Store {
  /** `sqlite`, `postgres`, …: for logs and readiness. */
  readonly kind: string;

  /** Calls at the same time that it serves well: what a caller with thousands of them keeps to. Default: 16. */
  readonly atOnce?: number;

  load(name: KeyringName, options?: CallOptions): Promise<Stored | undefined>;

  swap(keyring: Keyring, expected: Revision | null, options?: CallOptions): Promise<Revision | null>;

  /** Names in ascending order of their bytes, those after `after`; at most `limit`. */
  page(after: KeyringName | null, limit: number, options?: CallOptions): Promise<Page<KeyringName, KeyringName>>;

  putMaterial(ref: MaterialRef, material: Secret, options?: CallOptions): Promise<void>;

  getMaterial(ref: MaterialRef, options?: CallOptions): Promise<Secret | undefined>;

  destroyMaterial(ref: MaterialRef, options?: CallOptions): Promise<void>;

  /** The material entries that exist, in an order of the store's own: how orphans of crashed writers are found. */
  pageMaterial(after: string | null, limit: number, options?: CallOptions): Promise<Page<MaterialEntry, string>>;

  /** Succeeds when the store can be read and written now; throws as above. */
  check(options?: CallOptions): Promise<void>;

  close(): Promise<void>;
}

/**
 * A store's index by `dueAt` (core/decide.ts), kept in the same transaction as the document. A sweep asks it instead of reading every
 * document.
 */
export interface DueIndex {
  /** Keyrings due at `now` or before, longest due first; at most `limit`, those after `after`. */
  due(now: Instant, after: DueEntry | null, limit: number, options?: CallOptions): Promise<readonly DueEntry[]>;
}

/** Material that a swap brings with it. */
export interface NewMaterial {
  readonly ref: MaterialRef;
  readonly material: Secret;
}

/**
 * For stores that can put material and swap a document in one transaction. Contract: as `putMaterial` of every entry and then `swap`, but all of it
 * happens or nothing; after a lost swap there is nothing to destroy.
 */
export interface Publisher {
  publish(keyring: Keyring, expected: Revision | null, entries: readonly NewMaterial[], options?: CallOptions): Promise<Revision | null>;
}

export interface DueEntry {
  readonly name: KeyringName;
  readonly dueAt: Instant;
}

/**
 * Finds entries by their material: every entry ever put, destroyed ones too, so that a revoked key is recognised. Only fingerprints under a secret
 * of the store are kept: whoever reads the database alone cannot try keys against them. Entries that no document refers to may be among the found.
 */
export interface FingerprintIndex {
  find(material: Secret): Promise<readonly MaterialRef[]>;
}

/** Tells when documents were changed without reading each whole: what a start compares with the audit log. */
export interface ChangeDates {
  /** As `Store.page`. Null where the document cannot be read. */
  changeDates(
    after: KeyringName | null,
    limit: number,
    options?: CallOptions,
  ): Promise<Page<{ readonly name: KeyringName; readonly changedAt: Instant | null }, KeyringName>>;
}

/** The store's own position in its history of changes. */
export type ChangeCursor = Branded<'ChangeCursor'>;

export interface FeedOptions extends CallOptions {
  /** The names that the caller wants to hear of; a store without a feed of its own asks for these alone. Default: all. */
  readonly held?: Iterable<KeyringName>;
}

/**
 * Tells which documents changed, so that one question to the store validates every copy a replica holds.
 * Contract: a document that was swapped after cursor C was issued is in every answer to `changes(C)` that begins after the swap returned. Where
 * `held` names some, this is promised of those; they were loaded through this store.
 */
export interface ChangeFeed {
  /** With null: the cursor as of now, and no names. */
  changes(
    since: ChangeCursor | null,
    options?: FeedOptions,
  ): Promise<{ readonly cursor: ChangeCursor; readonly names: readonly KeyringName[] }>;
}

/** Tells when asking the feeds is worth it, where a store can: best effort, beside the question that is put every second. */
export interface Notices {
  /** Calls back soon after each change by anybody. @returns ends it */
  watch(listener: () => void): () => void;
}
