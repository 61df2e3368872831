import type { KeyringName } from '../core/name.ts';
import { NO_TOMBSTONES, type Tombstones } from '../core/transitions/reinstate.ts';
import type { AuditRecord } from '../ports/journal.ts';

interface Ended {
  readonly versions: Set<number>;
  highest: number;
  purged: boolean;
  /** Something was done to it, and the log does not know what: nothing of it is good any more. */
  unknown: boolean;
}

/** What records tell of the ends of versions: for a restore into a folder that remembers nothing by itself. */
export class Endings {
  readonly #keyrings = new Map<KeyringName, Ended>();
  readonly #after: number;

  /** @param after the last record that the backup knows: what a crash swallowed before it stands in the documents of the backup */
  constructor(after: number) {
    this.#after = after;
  }

  take(record: AuditRecord): void {
    const { keyring, outcome, versions } = record;
    if (keyring === null || (outcome !== 'done' && outcome !== 'unchanged')) return;
    const ended = this.#of(keyring);
    ended.highest = Math.max(ended.highest, ...versions);
    for (const version of endedBy(record)) ended.versions.add(version);
    if (record.action === 'keyring.purge') ended.purged = true;
    if (isSwallowed(record) && record.sequence > this.#after) ended.unknown = true;
  }

  /** Of a keyring that no record names: nothing ended. What came after the last record is not known here. */
  tombstonesOf(name: KeyringName): Tombstones {
    const ended = this.#keyrings.get(name);
    if (ended === undefined) return NO_TOMBSTONES;
    const { versions, highest, purged, unknown } = ended;
    return { ...NO_TOMBSTONES, ended: ({ version }) => unknown || versions.has(version), highest, purged };
  }

  #of(name: KeyringName): Ended {
    const known = this.#keyrings.get(name);
    if (known !== undefined) return known;
    const ended: Ended = { versions: new Set(), highest: 0, purged: false, unknown: false };
    this.#keyrings.set(name, ended);
    return ended;
  }
}

/** The record that the next start gives a change whose own record was lost (app/reconcile.ts). No request made it. */
function isSwallowed({ action, requestId, reason }: AuditRecord): boolean {
  return (action === 'keyring.change' || action === 'keyring.create') && requestId === null && reason === 'recovered';
}

function endedBy({ action, versions }: AuditRecord): readonly number[] {
  switch (action) {
    case 'version.revoke':
      return versions.slice(0, 1);
    case 'material.destroy':
      return versions;
    // the first is the one that was made, the others were cut for it
    case 'keyring.rotate':
    case 'backup.restore':
      return versions.slice(1);
    default:
      return [];
  }
}
