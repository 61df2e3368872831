import { codeOf } from '../core/errors.ts';
import { type Activation, activationOf, type Fleet, pendingVersion } from '../core/fleet.ts';
import type { Keyring } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';
import { type Instant, MINUTE, type Millis, SECOND } from '../core/time.ts';
import { advance } from '../core/transitions/advance.ts';
import { SCHEDULER, type Version } from '../core/version.ts';
import type { Lease, LeaseGrant } from '../ports/leases.ts';
import { type ChangeDeps, change } from './change.ts';
import { type FleetDeps, inUse } from './fleet.ts';
import { requireStored } from './keyrings.ts';
import type { SweepOutcome } from './sweep.ts';

export interface EarlyActivationDeps extends ChangeDeps, FleetDeps {
  /** Resolves in a later turn of the event loop, when all that has begun in this one is done. */
  readonly nextTurn: () => Promise<unknown>;
}

/** A keyring whose next version somebody has been offered. */
interface Candidate {
  /** Whose word is missing; null = nobody in particular. */
  readonly waitsFor: string | null;
  /** To be looked at from then on, also when nobody says anything. */
  readonly lookAt: Instant;
  readonly attempts: number;
}

const LONGEST_BACKOFF: Millis = 5 * MINUTE;

/**
 * Brings activations forward where it is safe. It learns from the grants themselves which keyrings have a version that waits, and
 * looks at one again only when the holder that it waits for has spoken or its lease has ended: no scan, and nothing to do without rotations.
 */
export class EarlyActivation {
  readonly #deps: EarlyActivationDeps;
  readonly #report: (outcome: SweepOutcome) => void;
  readonly #candidates = new Map<KeyringName, Candidate>();

  constructor(deps: EarlyActivationDeps, report: (outcome: SweepOutcome) => void) {
    this.#deps = deps;
    this.#report = report;
  }

  /** Told of every grant that goes to the journal. On the read path: cheap, never throws. */
  heard(grant: LeaseGrant): void {
    const { keyring, instance, offered } = grant;
    if (instance === null || offered.newest === offered.current) return;
    const known = this.#candidates.get(keyring);
    if (known === undefined) this.#candidates.set(keyring, { waitsFor: null, lookAt: 0, attempts: 0 });
    else if (grant.acknowledged !== null && known.waitsFor === holderOf(grant)) this.#candidates.set(keyring, { ...known, lookAt: 0 });
  }

  /** One pass over the keyrings that may be ready; a failing one holds up no other. */
  async run(): Promise<void> {
    const now = this.#deps.clock.now();
    for (const [name, candidate] of [...this.#candidates]) {
      if (candidate.lookAt <= now) await this.#look(name, candidate);
    }
  }

  async #look(name: KeyringName, candidate: Candidate): Promise<void> {
    // What is heard while this looks begins anew.
    this.#candidates.delete(name);
    try {
      const missing = await this.#tryToActivate(name);
      if (missing !== null && !this.#candidates.has(name)) this.#candidates.set(name, missing);
    } catch (error) {
      this.#fail(name, candidate.attempts + 1, error);
    }
  }

  /**
   * The copy at hand holds the version before the registry is asked, copies never go back, and each answer is handed to the journal in the
   * turn of the event loop that looks at the copy: so a grant that the registry does not show is on a document with the version.
   * @returns what to wait for; null when there is nothing to do any more
   */
  async #tryToActivate(name: KeyringName): Promise<Candidate | null> {
    const { clock, copies, registry, reach } = this.#deps;
    const copy = await copies.get(name);
    const version = copy === undefined ? null : pendingVersion(copy.keyring, clock.now());
    if (copy === undefined || version === null) return null;
    await this.#deps.nextTurn();
    const leases = await registry.live(name, inUse(copy.keyring, clock.now()));
    const fleet: Fleet<Lease> = { reach, completeSince: registry.completeSince(), leases };
    const activation = activationOf(copy.keyring, fleet, clock.now());
    if (activation.state !== 'safe') return waitingFor(activation);
    await this.#activate(name, version, fleet);
    return null;
  }

  async #activate(name: KeyringName, version: Version, fleet: Fleet<Lease>): Promise<void> {
    const { advanced, at } = await change(this.#deps, {
      name,
      by: SCHEDULER,
      reason: proofOf(version, fleet),
      step: (stored, context) => {
        const { keyring } = requireStored(stored, name);
        // Decided again on what the store holds now: the version may be cut, the policy another.
        const advanced = isSafeFor(keyring, version, fleet, context.now);
        return { keyring: advanced ? advance(keyring, version.version, context) : keyring, publishes: null, advanced, at: context.now };
      },
    });
    if (!advanced) return;
    const { version: number, activatesAt: planned } = version;
    this.#report({ outcome: 'advanced', name, version: number, holders: fleet.leases.length, activatesAt: at, planned });
  }

  #fail(name: KeyringName, attempts: number, error: unknown): void {
    const retryAt = this.#deps.clock.now() + Math.min(LONGEST_BACKOFF, SECOND * 2 ** Math.min(attempts, 20));
    this.#candidates.set(name, { waitsFor: null, lookAt: retryAt, attempts });
    this.#report({ outcome: 'failed', name, code: codeOf(error), error, attempts, retryAt });
  }
}

function waitingFor(activation: Exclude<Activation<Lease>, { state: 'safe' }>): Candidate | null {
  switch (activation.state) {
    case 'no next':
      return null;
    case 'behind':
      return { waitsFor: holderOf(activation.first), lookAt: activation.until, attempts: 0 };
    case 'anonymous lease':
    case 'unknown leases':
      return { waitsFor: null, lookAt: activation.until, attempts: 0 };
  }
}

/** The nonce tells this very publication from any other of the same number. */
function isSafeFor(keyring: Keyring, { nonce }: Version, fleet: Fleet<Lease>, now: Instant): boolean {
  const activation = activationOf(keyring, fleet, now);
  return activation.state === 'safe' && activation.version.nonce === nonce;
}

function holderOf({ instance, principal }: Pick<Lease, 'instance' | 'principal'>): string {
  return `${instance ?? ''} ${principal}`;
}

/** The reason in the history: the proof by its name. */
function proofOf({ version }: Version, { leases }: Fleet): string {
  if (leases.length === 0) return `no instance holds a lease on keys without version ${version}`;
  return leases.length === 1
    ? `the one instance that holds a lease has version ${version}`
    : `each of the ${leases.length} instances that hold a lease has version ${version}`;
}
