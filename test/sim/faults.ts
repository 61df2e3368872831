import { type ChangeDeps, change } from '../../src/app/change.ts';
import { Copies } from '../../src/app/copies.ts';
import { getKeyring, requireStored } from '../../src/app/keyrings.ts';
import { decide } from '../../src/core/decide.ts';
import type { Keyring } from '../../src/core/keyring.ts';
import type { KeyringName } from '../../src/core/name.ts';
import { type Instant, SECOND } from '../../src/core/time.ts';
import { rotate } from '../../src/core/transitions/rotate.ts';
import { SCHEDULER } from '../../src/core/version.ts';
import type { Revision } from '../../src/ports/store.ts';
import type { Action } from './actions.ts';
import type { WholeStore } from './line.ts';
import type { Desk, Sharing } from './register.ts';

/** A rule that is broken on purpose around the real code, to see that the watch notices. */
export interface Fault {
  readonly name: string;
  /** A schedule that has noticed it, to look there first. */
  readonly seenIn: number;
  /** What has to happen more often than it does for the fault to be met. */
  readonly actions?: Readonly<Partial<Record<Action, number>>>;
  /** Only in worlds of this kind. */
  readonly sharing?: Sharing;
  readonly store?: (store: WholeStore) => WholeStore;
  readonly copies?: typeof Copies;
  readonly desk?: (desk: Desk) => Desk;
  /** For each process: instead of its sweep, which is handed in. */
  readonly sweepOnce?: (name: KeyringName) => (deps: ChangeDeps, sweep: () => Promise<void>) => Promise<void>;
  /** The shared registry takes grants on outdated documents. */
  readonly isUnfenced?: true;
  /** The shared registry is not told of the copy at hand: it learns of documents by grants alone. */
  readonly isUntold?: true;
  /** A registry is lost with its process, and says nothing of it. */
  readonly forgets?: true;
  /** Processes start with keys from the disk of one that still runs, and speaks only for itself. */
  readonly sharesDisks?: true;
  /** Swaps take longer than the skew allows for. */
  readonly isSlow?: true;
}

export const FAULTS: readonly Fault[] = [
  {
    name: 'activate without waiting',
    seenIn: 1,
    store: (store) => ({ ...store, swap: (keyring, expected) => store.swap(atOnce(keyring), expected) }),
  },
  {
    name: 'replicas that do not share their leases trust their own',
    seenIn: 7,
    sharing: 'none',
    desk: (desk) => ({ ...desk, reach: 'own' }),
  },
  { name: 'a lost registry says that it is whole', seenIn: 46, sharing: 'own', forgets: true },
  { name: 'a shared registry takes grants on outdated documents', seenIn: 345, sharing: 'shared', isUnfenced: true },
  { name: 'a shared registry is not told of the copy at hand', seenIn: 806, sharing: 'shared', isUntold: true },
  { name: 'an outage does not shorten leases', seenIn: 2, copies: classOfEternalYouth() },
  {
    name: 'a lost swap passes for a won one',
    seenIn: 2,
    store: (store) => ({ ...store, swap: async (...swap) => (await store.swap(...swap)) ?? made() }),
  },
  { name: 'a swap replaces whatever is there', seenIn: 2, store: overwriting },
  { name: 'a slot is filled without looking again', seenIn: 6, sweepOnce: staleSweep },
  {
    name: 'a swap takes longer than the skew',
    seenIn: 1164,
    isSlow: true,
    actions: { 'rotate safely': 6, 'crash a site': 2.5, 'cut a site off': 3 },
  },
  {
    name: 'a cache on disk is read while its writer runs',
    seenIn: 65,
    sharing: 'own',
    sharesDisks: true,
    actions: { 'start one from its disk': 10, 'rotate safely': 6, 'heal a process': 1 },
  },
  { name: 'keys are destroyed when they are replaced', seenIn: 1, store: destroyingEarly },
];

/** Versions that would wait sign a second after they are published. */
function atOnce(keyring: Keyring): Keyring {
  const last = keyring.versions.at(-1);
  if (last === undefined || last.activatesAt <= keyring.changed.at + SECOND) return keyring;
  const versions = keyring.versions.map((version) => (version === last ? { ...last, activatesAt: keyring.changed.at + SECOND } : version));
  return { ...keyring, versions };
}

function classOfEternalYouth(): typeof Copies {
  return class extends Copies {
    override age(): number {
      return 0;
    }
  };
}

function made(): Revision {
  return 'never-committed' as Revision;
}

function overwriting(store: WholeStore): WholeStore {
  return {
    ...store,
    async swap(keyring, expected) {
      const revision = await store.swap(keyring, expected);
      if (revision !== null || expected === null) return revision;
      return store.swap(keyring, (await store.load(keyring.name))?.revision ?? null);
    },
  };
}

/** What was due when it looked last is done when it comes back. */
function staleSweep(name: KeyringName): (deps: ChangeDeps, sweep: () => Promise<void>) => Promise<void> {
  let due: Instant | null = null;
  return async (deps, sweep) => {
    const decision = decide((await getKeyring(deps, name)).keyring, deps.clock.now());
    const slot = due;
    due = decision.do === 'rotate' ? decision.slot : null;
    if (decision.do === 'destroy') return sweep();
    if (slot === null) return;
    await change(deps, {
      name,
      by: SCHEDULER,
      reason: 'scheduled rotation',
      step(stored, context) {
        const { keyring, version } = rotate(requireStored(stored, name).keyring, 'scheduled', context, slot);
        return { keyring, publishes: version };
      },
    });
  };
}

function destroyingEarly(store: WholeStore): WholeStore {
  return {
    ...store,
    async swap(keyring, expected) {
      const revision = await store.swap(keyring, expected);
      const replaced = keyring.versions.findLast(({ verifyUntil, destroyedAt }) => verifyUntil !== null && destroyedAt === null);
      if (revision !== null && replaced !== undefined) await store.destroyMaterial({ keyring: keyring.name, ...replaced });
      return revision;
    },
  };
}
