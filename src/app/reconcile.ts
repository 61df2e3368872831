import type { Keyring } from '../core/keyring.ts';
import type { KeyringName } from '../core/name.ts';
import type { Instant } from '../core/time.ts';
import type { AuditEvent, Journal } from '../ports/journal.ts';
import type { ChangeDates, Page, Store } from '../ports/store.ts';
import { inGroups } from './in-groups.ts';

export interface Forgotten {
  readonly store: Store & Partial<ChangeDates>;
  readonly journal: Journal;
  /** The newest change of each keyring that has its record. */
  readonly recorded: readonly { readonly keyring: string; readonly changedAt: Instant }[];
  /** Later changes are left alone: where others write too, theirs may be on their way into the log. Infinity = this process is the only writer. */
  readonly before: Instant;
}

const PAGE = 500;

/**
 * A crash between a change and its record leaves a change that the audit log does not know. At the start each keyring whose document was changed
 * after its last recorded change gets a record with the reason `recovered`; the whole change stands in the document's history.
 * @returns how many there were
 * @throws KeyturnError what the store throws, or `audit_unavailable`
 */
export async function recordForgotten({ store, journal, recorded, before }: Forgotten): Promise<number> {
  const known = new Map(recorded.map(({ keyring, changedAt }) => [keyring, changedAt]));

  async function look(name: KeyringName): Promise<number> {
    // one that cannot be read is reported by whoever asks for it, and is no reason not to start
    const stored = await store.load(name).catch(() => undefined);
    const changedAt = stored?.keyring.changed.at;
    if (stored === undefined || changedAt === undefined || changedAt >= before || (known.get(name) ?? -1) >= changedAt) return 0;
    await append(journal, stored.keyring);
    return 1;
  }

  let found = 0;
  for (let after: KeyringName | null = null, more = true; more; more = after !== null) {
    const page: Page<Dated, KeyringName> = await datesOf(store, after);
    const names = page.items
      .filter(({ name, changedAt }) => changedAt === null || (known.get(name) ?? -1) < changedAt)
      .map(({ name }) => name);
    const counts = await inGroups(store, names, look);
    found += counts.reduce((sum, count) => sum + count, 0);
    after = page.next;
  }
  return found;
}

interface Dated {
  readonly name: KeyringName;
  /** Null: the document has to be read. */
  readonly changedAt: Instant | null;
}

async function datesOf(store: Store & Partial<ChangeDates>, after: KeyringName | null): Promise<Page<Dated, KeyringName>> {
  if (store.changeDates !== undefined) return store.changeDates(after, PAGE);
  const { items, next } = await store.page(after, PAGE);
  return { items: items.map((name) => ({ name, changedAt: null })), next };
}

function append(journal: Journal, keyring: Keyring): Promise<void> {
  return new Promise((resolve, reject) => {
    journal.appendChange(eventOf(keyring), keyring.changed.at, (failure) => (failure === null ? resolve() : reject(failure)));
  });
}

function eventOf({ name, changed, created }: Keyring): AuditEvent {
  return {
    at: changed.at,
    action: changed.at === created.at ? 'keyring.create' : 'keyring.change',
    outcome: 'done',
    code: null,
    principal: changed.by,
    keyring: name,
    versions: [],
    instance: null,
    address: null,
    requestId: null,
    reason: 'recovered',
  };
}
