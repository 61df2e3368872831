import type { ChangeId } from '../../core/keyring.ts';
import { type KeyringName, parseKeyringName } from '../../core/name.ts';
import { type Instant, MINUTE, type Millis } from '../../core/time.ts';
import type { PrincipalId } from '../../core/version.ts';
import type { Holding, InstanceId, Lease, LeaseGrant, LeaseRegistry } from '../../ports/leases.ts';
import type { Database } from './database.ts';
import { numberOf, orNull, type Row, textOf } from './row.ts';

/**
 * `instance` is empty for callers without a name. `others_until` is the latest end of a lease that another session of the same holder
 * may have; `behind_until` is explained in ports/leases.ts.
 */
export const LEASES_SCHEMA = `
CREATE TABLE IF NOT EXISTS leases (
  keyring TEXT NOT NULL,
  instance TEXT NOT NULL,
  principal TEXT NOT NULL,
  session TEXT NOT NULL,
  address TEXT NOT NULL,
  first_seen INTEGER NOT NULL,
  last_seen INTEGER NOT NULL,
  until INTEGER NOT NULL,
  others_until INTEGER NOT NULL,
  behind_until INTEGER NOT NULL,
  offered_id TEXT NOT NULL,
  offered_at INTEGER NOT NULL,
  offered_current INTEGER NOT NULL,
  offered_newest INTEGER NOT NULL,
  held_id TEXT,
  held_at INTEGER,
  held_current INTEGER,
  held_newest INTEGER,
  held_since INTEGER,
  PRIMARY KEY (keyring, instance, principal)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS lease_registry (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  complete_since INTEGER NOT NULL,
  seamless INTEGER NOT NULL,
  alive_at INTEGER NOT NULL
) STRICT;
`;

/** A service that was away for longer may have been replaced by a copy of its past: what was granted meanwhile is unknown. */
const LONGEST_ABSENCE: Millis = 10 * MINUTE;
/** What `completeSince` says before the registry was ever opened: no lease is known to be in it. */
const NEVER: Instant = 8_640_000_000_000_000;

/** The grant comes from another process than the one before it. */
const OTHER = 'session <> excluded.session';
/** The process shows less than it has shown before: it has a twin with the same ETag, or another replica took it back. */
const LESS = '(session = excluded.session AND excluded.held_id IS NULL AND coalesce(held_at >= excluded.offered_at, false))';
const OTHERS = `CASE WHEN ${OTHER} OR ${LESS} THEN max(others_until, until) ELSE others_until END`;
const BEHIND = `CASE WHEN offered_id <> excluded.offered_id OR ${LESS} THEN until ELSE behind_until END`;

const RECORD = `
  INSERT INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET
    session = excluded.session,
    address = excluded.address,
    last_seen = max(last_seen, excluded.last_seen),
    until = max(until, excluded.until),
    others_until = ${OTHERS},
    behind_until = CASE WHEN excluded.held_id IS NULL THEN ${BEHIND} ELSE min(${BEHIND}, ${OTHERS}) END,
    offered_id = excluded.offered_id,
    offered_at = excluded.offered_at,
    offered_current = excluded.offered_current,
    offered_newest = excluded.offered_newest,
    held_since = ${held('held_since', 'CASE WHEN held_id = excluded.held_id AND session = excluded.session THEN held_since ELSE excluded.held_since END')},
    held_at = ${held('held_at')},
    held_current = ${held('held_current')},
    held_newest = ${held('held_newest')},
    held_id = ${held('held_id')}`;

/** What the process shows now; else what it showed before, unless that is no longer true of it. */
function held(column: string, shown = `excluded.${column}`): string {
  return `CASE WHEN excluded.held_id IS NOT NULL THEN ${shown} WHEN ${OTHER} OR ${LESS} THEN NULL ELSE ${column} END`;
}

const PAGE = `
  SELECT * FROM leases WHERE keyring = ? AND (instance, principal) > (?, ?)
  ORDER BY instance, principal LIMIT ?`;

export type LeaseWriter = ReturnType<typeof leaseWriterIn>;

/** The lease registry in a database that has its schema: both sides over one connection. */
export function leasesIn(database: Database): LeaseRegistry & LeaseWriter {
  return { ...leaseReaderIn(database), ...leaseWriterIn(database) };
}

/** The writing side. Plain statements: the caller opens the transaction. */
export function leaseWriterIn(database: Database) {
  const record = database.prepare(RECORD);
  const registry = database.prepare('SELECT * FROM lease_registry');
  const put = database.prepare('INSERT OR REPLACE INTO lease_registry VALUES (1, ?, ?, ?)');
  const mark = database.prepare('UPDATE lease_registry SET complete_since = max(complete_since, ?)');
  const beat = database.prepare('UPDATE lease_registry SET alive_at = max(alive_at, ?)');
  const remove = database.prepare('DELETE FROM leases WHERE until < ?');

  return {
    /** In the order of their answers. Any number of them may be of one holder. */
    record(grants: readonly LeaseGrant[]): void {
      for (const grant of grants) record.run(...valuesOf(grant));
    },

    /**
     * At each start, before the first grant.
     * @param seamless false where this process may answer without recording the grant: should it end without `close`, the next one cannot know
     * whether it did
     * @param since from when on it is whole, where it is not already. Default: now
     */
    open(now: Instant, seamless: boolean, since: Instant = now): void {
      const row = registry.first();
      const whole = row !== undefined && numberOf(row, 'seamless') === 1 && now - numberOf(row, 'alive_at') <= LONGEST_ABSENCE;
      put.run(whole ? numberOf(row, 'complete_since') : since, seamless ? 1 : 0, now);
    },

    /** Grants up to and at this instant may be missing: after a restore from a backup, or when answers left without a record. */
    markIncomplete(at: Instant): void {
      mark.run(at + 1);
    },

    /** Once a minute, so that the next start knows how long the service was away. */
    beat(now: Instant): void {
      beat.run(now);
    },

    /** At the end of a process all of whose bypassing answers, if any, were marked. */
    close(now: Instant): void {
      const row = registry.first();
      if (row !== undefined) put.run(numberOf(row, 'complete_since'), 1, Math.max(now, numberOf(row, 'alive_at')));
    },

    /** @returns how many entries whose lease ended before the instant were removed */
    removeEnded(before: Instant): number {
      return remove.run(before);
    },
  };
}

/** The reading side. Over a connection of its own it sees what is committed: whoever composes it waits for the journal first. */
export function leaseReaderIn(database: Database): LeaseRegistry {
  const registry = database.prepare('SELECT complete_since FROM lease_registry');
  const live = database.prepare('SELECT * FROM leases WHERE keyring = ? AND until > ? ORDER BY instance, principal');
  const pages = database.prepare(PAGE);
  return {
    completeSince() {
      const row = registry.first();
      return row === undefined ? NEVER : numberOf(row, 'complete_since');
    },

    async live(keyring, at) {
      return live.all(keyring, at).map(leaseOf);
    },

    async page(keyring, after, limit) {
      const found = pages.all(keyring, ...positionIn(after ?? ''), limit + 1).map(leaseOf);
      const items = found.slice(0, limit);
      const last = items.at(-1);
      return { items, next: found.length > limit && last !== undefined ? `${last.instance ?? ''} ${last.principal}` : null };
    },
  };
}

/** Instance and principal; no instance holds a space. */
function positionIn(after: string): readonly [instance: string, principal: string] {
  const space = after.indexOf(' ');
  return space < 0 ? [after, ''] : [after.slice(0, space), after.slice(space + 1)];
}

function valuesOf({ keyring, instance, principal, session, address, grantedAt, until, offered, acknowledged }: LeaseGrant) {
  const holder = [keyring, instance ?? '', principal, instance === null ? '' : (session ?? ''), address] as const;
  const shown = instance === null ? null : acknowledged;
  const held = shown === null ? ([null, null, null, null, null] as const) : ([...columnsOf(shown), grantedAt] as const);
  return [...holder, grantedAt, grantedAt, until, ...columnsOf(offered), ...held] as const;
}

function columnsOf({ changeId, changedAt, current, newest }: Holding) {
  return [changeId, changedAt, current, newest] as const;
}

function leaseOf(row: Row): Lease {
  const instance = textOf(row, 'instance');
  return {
    keyring: keyringOf(row),
    instance: instance === '' ? null : (instance as InstanceId),
    principal: textOf(row, 'principal') as PrincipalId,
    address: textOf(row, 'address'),
    firstSeen: numberOf(row, 'first_seen'),
    lastSeen: numberOf(row, 'last_seen'),
    until: numberOf(row, 'until'),
    offered: holdingOf(row, 'offered'),
    behindUntil: numberOf(row, 'behind_until'),
    acknowledged: row.held_id === null ? null : holdingOf(row, 'held'),
    acknowledgedAt: orNull(numberOf, row, 'held_since'),
  };
}

function keyringOf(row: Row): KeyringName {
  return parseKeyringName(textOf(row, 'keyring'));
}

function holdingOf(row: Row, prefix: 'offered' | 'held'): Holding {
  return {
    changeId: textOf(row, `${prefix}_id`) as ChangeId,
    changedAt: numberOf(row, `${prefix}_at`),
    current: numberOf(row, `${prefix}_current`),
    newest: numberOf(row, `${prefix}_newest`),
  };
}
