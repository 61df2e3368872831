import { type Caller, leaseOf, shownIn, tagFor } from '../../src/app/sessions.ts';
import { activationOf, type Fleet } from '../../src/core/fleet.ts';
import type { Keyring } from '../../src/core/keyring.ts';
import { grantableLease } from '../../src/core/lease.ts';
import { DEFAULT_POLICY, type Policy } from '../../src/core/policy.ts';
import { rolesAt } from '../../src/core/roles.ts';
import { type Instant, type Millis, SECOND } from '../../src/core/time.ts';
import { advance } from '../../src/core/transitions/advance.ts';
import { amendPolicy } from '../../src/core/transitions/amend.ts';
import { create } from '../../src/core/transitions/create.ts';
import { revoke } from '../../src/core/transitions/revoke.ts';
import { rotate } from '../../src/core/transitions/rotate.ts';
import { type PrincipalId, SCHEDULER } from '../../src/core/version.ts';
import type { InstanceId, Lease, LeaseGrant, SessionId } from '../../src/ports/leases.ts';
import type { Database } from '../../src/stores/sqlite/database.ts';
import { leasesIn } from '../../src/stores/sqlite/leases.ts';
import { context, named, T0 } from '../stores/keyrings.ts';

export const SKEW: Millis = 5 * SECOND;
const POLICY: Policy = {
  ...DEFAULT_POLICY,
  schedule: null,
  tokenLifetimeSeconds: 10,
  leaseSeconds: 100,
  refreshSeconds: 10,
  skewSeconds: SKEW / SECOND,
};
const PROVEN = 'proven';
export const NAMES = ['a', 'b', null] as const;

/** What may happen. Numbers pick: an instance by its place, a name of `NAMES`. */
export type Step =
  | { readonly do: 'wait'; readonly time: Millis }
  | { readonly do: 'start'; readonly name: number; readonly overrun: Millis }
  | { readonly do: 'kill'; readonly which: number }
  /** `age`: how long the store has been silent. `unrecorded`: the journal is down and reads go on, as configured. */
  | { readonly do: 'ask'; readonly which: number; readonly lost: boolean; readonly age: Millis; readonly unrecorded: boolean }
  | { readonly do: 'rotate' | 'cut next' | 'cut current' | 'promote' }
  | { readonly do: 'amend'; readonly leaseSeconds: number }
  | { readonly do: 'restart' | 'back up' | 'restore' | 'look' };

/** What a test breaks, to see that it is noticed. */
export interface Breakage {
  readonly fleet?: (fleet: Fleet<Lease>) => Fleet<Lease>;
  readonly keyring?: (keyring: Keyring) => Keyring;
  readonly grant?: (grant: LeaseGrant) => LeaseGrant;
}

/** An application process that obeys its lease, by a clock that may be slow by less than the skew. */
interface Process {
  readonly caller: Caller;
  readonly overrun: Millis;
  tag: string | null;
  holds: ReadonlySet<number>;
  until: Instant;
}

/** A service, its registry and its instances. After each step `broken` names an instance that meets a signature it cannot verify. */
export class FleetModel {
  readonly #rows: ReturnType<typeof leasesIn>;
  readonly #database: Database;
  readonly #breakage: Breakage;
  readonly #processes: Process[] = [];
  #now: Instant = T0;
  #keyring: Keyring;
  #drawn = 0;
  /** How many activations were brought forward. */
  advanced = 0;

  constructor(database: Database, breakage: Breakage = {}, kind: 'created' | 'imported' = 'created') {
    database.exec('CREATE TABLE IF NOT EXISTS saved AS SELECT * FROM leases');
    database.exec('DELETE FROM leases; DELETE FROM lease_registry; DELETE FROM saved');
    this.#database = database;
    this.#breakage = breakage;
    this.#rows = leasesIn(database);
    this.#rows.open(this.#now, true);
    this.#keyring = create(null, named('web'), POLICY, kind, context(this.#now));
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case 'wait':
        this.#now += step.time;
        break;
      case 'start':
        this.#start(NAMES[step.name % NAMES.length] ?? null, step.overrun);
        break;
      case 'kill':
        this.#processes.splice(step.which % Math.max(1, this.#processes.length), 1);
        break;
      case 'ask':
        this.#ask(step);
        break;
      case 'restart':
        this.#now += SECOND;
        this.#rows.beat(this.#now);
        this.#rows.open(this.#now, true);
        break;
      case 'back up':
        this.#database.exec('DELETE FROM saved; INSERT INTO saved SELECT * FROM leases');
        break;
      case 'restore':
        this.#restore();
        break;
      case 'look':
        await this.#look();
        break;
      default:
        this.#change(step);
    }
  }

  /** Who holds a lease and would meet a signature of the current version without holding it; null = nobody. */
  get broken(): string | null {
    const current = rolesAt(this.#keyring, this.#now)?.current;
    // Only the safe path promises anything: cuts, and what an operator has promoted, do not.
    if (current === undefined || current.kind !== 'scheduled') return null;
    if (current.advanced !== null && current.advanced.reason !== PROVEN) return null;
    const stranded = this.#processes.find(({ until, overrun, holds }) => this.#now < until + overrun && !holds.has(current.version));
    return stranded === undefined ? null : `${stranded.caller.instance} lacks version ${current.version}`;
  }

  #start(name: string | null, overrun: Millis): void {
    const caller = { instance: name as InstanceId | null, principal: 'token:x' as PrincipalId, address: '10.0.0.1' };
    this.#processes.push({ caller, overrun, tag: null, holds: new Set(), until: 0 });
  }

  #ask({ which, lost, age, unrecorded }: Extract<Step, { do: 'ask' }>): void {
    const process = this.#processes[which % Math.max(1, this.#processes.length)];
    const roles = rolesAt(this.#keyring, this.#now);
    const leaseSeconds = grantableLease(this.#keyring.policy, age);
    if (process === undefined || roles === null || leaseSeconds <= 0) return;
    const { changed, name } = this.#keyring;
    const { current, next, previous } = roles;
    const etag = `"${changed.id}.${current.version}.${next?.version ?? 0}.${previous.length}"`;
    const newest = next?.version ?? current.version;
    const keys = { name, etag, holding: { changeId: changed.id, changedAt: changed.at, current: current.version, newest } };
    const shown = shownIn(process.tag === null ? [] : [process.tag]);
    const lease = leaseOf({ keys, leaseSeconds }, process.caller, shown, () => `s${++this.#drawn}` as SessionId, this.#now);
    if (unrecorded) this.#rows.markIncomplete(this.#now);
    else this.#rows.record([this.#breakage.grant?.(lease) ?? lease]);
    if (lost) return;
    process.until = this.#now + leaseSeconds * SECOND;
    if (shown?.etag === etag) return;
    process.tag = tagFor(keys, lease.session);
    process.holds = new Set([current, ...previous, ...(next === null ? [] : [next])].map(({ version }) => version));
  }

  #restore(): void {
    this.#database.exec('DELETE FROM leases; INSERT INTO leases SELECT * FROM saved');
    this.#rows.markIncomplete(this.#now);
  }

  async #look(): Promise<void> {
    const { fleet: broken = (fleet) => fleet, keyring: brokenKeyring = (keyring) => keyring } = this.#breakage;
    const leases = await this.#rows.live(named('web'), this.#now - SKEW);
    const fleet = broken({ reach: 'own', completeSince: this.#rows.completeSince(), leases });
    const activation = activationOf(brokenKeyring(this.#keyring), fleet, this.#now);
    if (activation.state !== 'safe') return;
    this.#keyring = advance(this.#keyring, activation.version.version, { ...context(this.#now), reason: PROVEN });
    this.advanced++;
  }

  #change(step: Extract<Step, { do: 'rotate' | 'cut next' | 'cut current' | 'promote' | 'amend' }>): void {
    const given = { ...context(this.#now), by: SCHEDULER };
    const roles = rolesAt(this.#keyring, this.#now);
    const { current, next = null } = roles ?? {};
    if (step.do === 'rotate' && next === null) this.#keyring = rotate(this.#keyring, 'scheduled', given).keyring;
    if (step.do === 'cut next' && next !== null) this.#keyring = revoke(this.#keyring, next.version, given).keyring;
    if (step.do === 'cut current' && current !== undefined) this.#keyring = revoke(this.#keyring, current.version, given).keyring;
    if (step.do === 'promote' && next !== null) this.#keyring = rotate(this.#keyring, 'immediate', given).keyring;
    if (step.do === 'amend')
      this.#keyring = amendPolicy(this.#keyring, { ...this.#keyring.policy, leaseSeconds: step.leaseSeconds }, given);
  }
}
