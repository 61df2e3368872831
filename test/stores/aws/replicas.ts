import type { ChangeDeps } from '../../../src/app/change.ts';
import { Copies } from '../../../src/app/copies.ts';
import { Sweep, type SweepOutcome } from '../../../src/app/sweep.ts';
import type { AwsStore } from '../../../src/stores/aws/store.ts';
import type { ManualClock } from '../../support/clock.ts';
import { storeRandom } from '../../support/sqlite.ts';

/** What of a service works on a store by itself. */
export interface Replica {
  readonly deps: ChangeDeps;
  readonly copies: Copies;
  readonly sweep: Sweep;
  readonly outcomes: readonly SweepOutcome[];
}

export async function replicaOn(store: AwsStore, clock: ManualClock): Promise<Replica> {
  const copies = new Copies({ store, feed: store, clock });
  await copies.validate();
  const deps = { store, clock, random: storeRandom, copies };
  const outcomes: SweepOutcome[] = [];
  const sweep = new Sweep({ ...deps, dueIndex: store }, (outcome) => outcomes.push(outcome));
  return { deps, copies, sweep, outcomes };
}
