import type { Journal } from '../ports/journal.ts';
import type { LeaseGrant } from '../ports/leases.ts';

/** The journal, with somebody listening to the grants. */
export function heardBy(journal: Journal, listener: (grant: LeaseGrant) => void): Journal {
  return {
    get healthy() {
      return journal.healthy;
    },
    append(event, lease, done) {
      journal.append(event, lease, done);
      if (lease !== null) listener(lease);
    },
    appendChange: (event, changedAt, done) => journal.appendChange(event, changedAt, done),
    probe: (done) => journal.probe(done),
    passOver: (event) => journal.passOver(event),
  };
}
