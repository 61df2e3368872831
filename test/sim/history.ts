import { decide } from '../../src/core/decide.ts';
import { type ChangeId, type Keyring, liveVersions } from '../../src/core/keyring.ts';
import { rolesAt } from '../../src/core/roles.ts';
import type { Millis } from '../../src/core/time.ts';
import { isLive, SCHEDULER, type Version } from '../../src/core/version.ts';
import type { Revision, Stored } from '../../src/ports/store.ts';
import { Violation } from './violation.ts';

/** One document that was committed. */
export interface Committed extends Stored {
  /** Its place in the history of the keyring, from 1. */
  readonly place: number;
  /** In true time. */
  readonly at: Millis;
}

/** Every document that the keyring ever was, and what must be true from each to the next. */
export class History {
  readonly #documents: Committed[] = [];
  readonly #byRevision = new Map<Revision, Committed>();
  readonly #byChange = new Map<ChangeId, Committed>();
  readonly #nonces = new Map<number, string>();
  readonly #publishedIn = new Map<number, number>();
  readonly #slots = new Set<number>();

  /** @throws Violation */
  add({ keyring, revision }: Stored, before: Stored | null, at: Millis): Committed {
    const committed = { keyring, revision, at, place: this.#documents.length + 1 };
    this.#documents.push(committed);
    this.#byRevision.set(revision, committed);
    this.#byChange.set(keyring.changed.id, committed);
    this.#checkNumbers(committed);
    checkOneCurrent(keyring);
    if (before === null) return committed;
    checkNothingCameBack(before.keyring, keyring);
    this.#checkSlot(before.keyring, keyring);
    return committed;
  }

  get latest(): Committed | undefined {
    return this.#documents.at(-1);
  }

  /** @throws Violation for a document that was never committed */
  of(revision: Revision): Committed {
    const found = this.#byRevision.get(revision);
    if (found === undefined) throw new Violation('an answer was made from a document that was never committed');
    return found;
  }

  placeOf(change: ChangeId): number {
    return this.#byChange.get(change)?.place ?? 0;
  }

  after({ place }: Committed): Committed | undefined {
    return this.#documents[place];
  }

  /** Where a version was published, by the place of its document. */
  publishedIn(version: number): number {
    return this.#publishedIn.get(version) ?? 0;
  }

  slotsFilled(): number {
    return this.#slots.size;
  }

  #checkNumbers({ keyring, place }: Committed): void {
    for (const { version, nonce } of keyring.versions) {
      const known = this.#nonces.get(version);
      if (known !== undefined && known !== nonce) throw new Violation(`version ${version} means two keys`);
      this.#nonces.set(version, nonce);
      if (known === undefined) this.#publishedIn.set(version, place);
    }
  }

  /** A slot is filled by the version that is new in this document, it was due, and the next one lies later. */
  #checkSlot(before: Keyring, keyring: Keyring): void {
    const published = keyring.versions.filter(({ version }) => !before.versions.some((old) => old.version === version));
    for (const { slot } of published) {
      if (slot === null) continue;
      if (this.#slots.has(slot)) throw new Violation(`slot ${slot} was filled twice`);
      if (slot !== before.nextRotationAt) throw new Violation(`slot ${slot} was filled, while ${before.nextRotationAt} was due`);
      if (keyring.nextRotationAt === null || keyring.nextRotationAt <= slot) throw new Violation(`slot ${slot} stays due`);
      this.#slots.add(slot);
    }
  }
}

/** At each instant at which roles may change, and just before. */
function checkOneCurrent(keyring: Keyring): void {
  for (const { activatesAt } of liveVersions(keyring)) {
    for (const now of [activatesAt - 1, activatesAt]) {
      const roles = rolesAt(keyring, now);
      if (roles === null) throw new Violation('no version signs');
      const others = [...roles.previous, ...(roles.next === null ? [] : [roles.next])];
      if (others.some(({ version }) => version === roles.current.version)) throw new Violation('a version has two roles');
      if (!isLive(roles.current)) throw new Violation(`version ${roles.current.version} signs, and is revoked or destroyed`);
    }
  }
}

function checkNothingCameBack(before: Keyring, keyring: Keyring): void {
  if (keyring.changed.at < before.changed.at) throw new Violation('the history runs backwards');
  for (const old of before.versions) {
    const now = keyring.versions.find(({ version }) => version === old.version);
    if (now === undefined) throw new Violation(`version ${old.version} has vanished`);
    if (old.revoked !== null && now.revoked === null) throw new Violation(`version ${old.version} was revoked and came back`);
    if (old.destroyedAt !== null && now.destroyedAt === null) throw new Violation(`version ${old.version} was destroyed and came back`);
  }
}

/** Whether the service itself, not an operator, chose when this version signs: only then is anything promised to who does not hold it. */
export function isSafelyActivated({ kind, advanced }: Version): boolean {
  return (kind === 'scheduled' || kind === 'created') && (advanced === null || advanced.by.id === SCHEDULER.id);
}

/** Nothing is left to do. @throws Violation */
export function checkNothingIsDue(keyring: Keyring, now: number): void {
  const decision = decide(keyring, now);
  if (decision.do !== 'wait') throw new Violation(`at the end there is still something to do: ${decision.do}`);
}
