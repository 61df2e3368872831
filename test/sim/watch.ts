import type { Granted } from '../../src/app/read-keys.ts';
import { type Keyring, liveVersions } from '../../src/core/keyring.ts';
import { rolesAt } from '../../src/core/roles.ts';
import { type Instant, type Millis, SECOND } from '../../src/core/time.ts';
import { SCHEDULER, type Version } from '../../src/core/version.ts';
import type { MaterialRef, Stored } from '../../src/ports/store.ts';
import { MOST_OFF } from './clocks.ts';
import { History, isSafelyActivated } from './history.ts';
import type { Process } from './process.ts';
import type { Tally } from './tally.ts';
import { BEGINNING, type Timeline } from './timeline.ts';
import { Violation } from './violation.ts';

/** Uptimes drift, and a store's answer takes its way: how much longer than the rule a lease may look in true time. */
const LEASE_SLACK: Millis = 100;

interface Signature {
  readonly version: number;
  readonly text: string;
  /** When the last token of this key that anybody signed expires. */
  until: Millis;
}

export interface WatchDeps {
  readonly timeline: Timeline;
  readonly tally: Tally;
  readonly processes: readonly Process[];
  readonly hasMaterial: (ref: MaterialRef) => boolean;
  readonly mayAdvance: () => boolean;
  readonly log: (text: string) => void;
}

/** Sees everything that nobody in the world sees at once, and holds the promises of DESIGN.md against it after every event. */
export class Watch {
  readonly history = new History();
  readonly #deps: WatchDeps;
  readonly #signatures = new Map<string, Signature>();
  /** Found in a callback of the code under test, which must not get to handle it. */
  #found: Violation | null = null;

  constructor(deps: WatchDeps) {
    this.#deps = deps;
  }

  /** A promise was not kept, as of now. */
  found(violation: unknown): void {
    if (!(violation instanceof Violation)) throw violation;
    this.#found ??= violation;
  }

  committed(stored: Stored, before: Stored | null): void {
    this.#guard(() => {
      this.history.add(stored, before, this.#deps.timeline.now);
      this.#deps.log(`committed ${stored.revision} ${describe(stored.keyring)}`);
      this.#count(stored.keyring, before?.keyring ?? null);
      this.#checkMaterial();
    });
  }

  destroyed(ref: MaterialRef): void {
    this.#deps.log(`material destroyed ${ref.version} ${ref.nonce}`);
    this.#guard(() => this.#checkMaterial());
  }

  /** An answer is about to leave. A lease on a document that has a successor ends no later than one lease after the successor was committed. */
  granted(now: Instant, { keys, leaseSeconds }: Granted): void {
    this.#guard(() => {
      const made = this.history.of(keys.revision);
      const signs = rolesAt(made.keyring, now)?.current.version;
      if (signs !== keys.current.version.version)
        throw new Violation(`an answer lets ${keys.current.version.version} sign instead of ${signs}`);
      const successor = this.history.after(made);
      if (successor === undefined) return;
      this.#deps.tally.count('leases on an outdated document');
      const over = this.#deps.timeline.now + leaseSeconds * SECOND - (successor.at + made.keyring.policy.leaseSeconds * SECOND);
      if (over > LEASE_SLACK)
        throw new Violation(`a lease on ${keys.revision} outlives its successor's publication by a lease and ${over} ms`);
    });
  }

  /** A process signs a token for as long as its policy lets it. */
  signed({ held, label }: Process): void {
    if (held === null) return;
    const { version, material } = held.keys.current;
    const text = material.reveal();
    const { policy } = this.history.of(held.keys.revision).keyring;
    const until = this.#deps.timeline.now + policy.tokenLifetimeSeconds * SECOND;
    const known = this.#signatures.get(text);
    if (known === undefined) this.#signatures.set(text, { version: version.version, text, until });
    else known.until = Math.max(known.until, until);
    this.#deps.tally.count('tokens signed');
    this.#deps.log(`${label} signs with ${version.version}`);
    this.#deps.tally.count('verifications', this.#deps.processes.filter((process) => process.mayUse(this.#deps.timeline.now)).length);
  }

  /** After every event. @throws Violation */
  check(): void {
    if (this.#found !== null) throw this.#found;
    const { timeline, processes } = this.#deps;
    const keyring = this.history.latest?.keyring;
    if (keyring === undefined) return;
    const current = rolesAt(keyring, BEGINNING + timeline.now + MOST_OFF)?.current;
    for (const process of processes) {
      if (!process.mayUse(timeline.now)) continue;
      if (current !== undefined && !process.held?.texts.has(current.version)) this.#mustHold(process, current);
      for (const signature of this.#signatures.values()) this.#checkSignature(process, signature, keyring);
    }
  }

  #checkSignature(process: Process, { version, text, until }: Signature, keyring: Keyring): void {
    if (until <= this.#deps.timeline.now) this.#signatures.delete(text);
    else if (!process.verifies(version, text)) {
      const found = keyring.versions.find((other) => other.version === version);
      if (found === undefined) throw new Violation(`${process.label} meets a token signed by version ${version}, which no document has`);
      if (found.revoked === null) this.#mustHold(process, found);
    }
  }

  /** Versions that an operator lets sign at once are unknown to holders of an earlier document, until they ask again. */
  #mustHold({ label, held }: Process, version: Version): void {
    if (held === null) return;
    const place = this.history.of(held.keys.revision).place;
    if (!isSafelyActivated(version) && place < this.history.publishedIn(version.version)) return;
    throw new Violation(`${label}, which holds ${held.keys.revision}, rejects what version ${version.version} signs`);
  }

  #checkMaterial(): void {
    const keyring = this.history.latest?.keyring;
    if (keyring === undefined) return;
    const earliest = BEGINNING + this.#deps.timeline.now - MOST_OFF;
    for (const { version, nonce, verifyUntil } of liveVersions(keyring)) {
      if (verifyUntil !== null && verifyUntil <= earliest) continue;
      if (!this.#deps.hasMaterial({ keyring: keyring.name, version, nonce }))
        throw new Violation(`version ${version} lives without material`);
    }
  }

  #count(keyring: Keyring, before: Keyring | null): void {
    const { tally, mayAdvance } = this.#deps;
    for (const version of keyring.versions) {
      const old = before?.versions.find((other) => other.version === version.version);
      if (old === undefined) tally.count(version.slot === null ? `versions: ${version.kind}` : 'versions: for a slot');
      if (version.revoked !== null && old !== undefined && old.revoked === null) tally.count('revocations');
      if (old !== undefined && version.activatesAt > old.activatesAt) tally.count('activations put off');
      if (version.destroyedAt !== null && old?.destroyedAt === null) tally.count('destructions');
      if (version.advanced === null || old?.advanced !== null) continue;
      if (version.advanced.by.id !== SCHEDULER.id) continue;
      if (!mayAdvance()) throw new Violation(`version ${version.version} was activated early where replicas do not share their leases`);
      tally.count('early activations');
    }
  }

  #guard(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.found(error);
    }
  }
}

function describe({ versions, nextRotationAt, changed }: Keyring): string {
  const shown = versions.map(({ version, kind, activatesAt, verifyUntil, revoked, destroyedAt }) => {
    const end =
      destroyedAt !== null ? ' destroyed' : revoked !== null ? ' revoked' : verifyUntil === null ? '' : ` to ${since(verifyUntil)}`;
    return `${version}:${kind} from ${since(activatesAt)}${end}`;
  });
  return `at ${since(changed.at)} by ${changed.by.name}: ${shown.join(', ')}; next slot ${nextRotationAt === null ? 'none' : since(nextRotationAt)}`;
}

function since(at: Instant): string {
  return `${(at - BEGINNING) / SECOND} s`;
}
