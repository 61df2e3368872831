import type { ChangeId } from '../../core/keyring.ts';
import { parseKeyringName } from '../../core/name.ts';
import type { PrincipalId } from '../../core/version.ts';
import type { Holding, InstanceId, Lease, LeaseGrant, LeaseRegistry } from '../../ports/leases.ts';
import type { Ask, Connections } from './connections.ts';
import { numberOf, orNull, type Row, textOf } from './row.ts';

/** The same rules as in stores/sqlite/leases.ts, which explains them. `l` is the row as it is, `excluded` the grant. */
const OTHER = 'l.session <> excluded.session';
const LESS = '(l.session = excluded.session AND excluded.held_id IS NULL AND coalesce(l.held_at >= excluded.offered_at, false))';
const OTHERS = `CASE WHEN ${OTHER} OR ${LESS} THEN greatest(l.others_until, l.until) ELSE l.others_until END`;
const BEHIND = `CASE WHEN l.offered_id <> excluded.offered_id OR ${LESS} THEN l.until ELSE l.behind_until END`;
const SINCE = 'CASE WHEN l.held_id = excluded.held_id AND l.session = excluded.session THEN l.held_since ELSE excluded.held_since END';

const TYPES = {
  keyring: 'text',
  instance: 'text',
  principal: 'text',
  session: 'text',
  address: 'text',
  first_seen: 'bigint',
  last_seen: 'bigint',
  until: 'bigint',
  others_until: 'bigint',
  behind_until: 'bigint',
  offered_id: 'text',
  offered_at: 'bigint',
  offered_current: 'integer',
  offered_newest: 'integer',
  held_id: 'text',
  held_at: 'bigint',
  held_current: 'integer',
  held_newest: 'integer',
  held_since: 'bigint',
} as const;

type Columns = Readonly<Record<keyof typeof TYPES, string | number | null>>;

/** @param grants the parameter that holds one round of `rounds`, as JSON. @param beside what else the rows are selected from */
export function recordStatement(schema: string, grants: string, beside = ''): string {
  const columns = Object.entries(TYPES).map(([name, type]) => `${name} ${type}`);
  return `
    INSERT INTO ${schema}.leases AS l SELECT g.* FROM ${beside}jsonb_to_recordset(${grants}::jsonb) AS g (${columns.join(', ')})
    ON CONFLICT (keyring, instance, principal) DO UPDATE SET
      session = excluded.session,
      address = excluded.address,
      last_seen = greatest(l.last_seen, excluded.last_seen),
      until = greatest(l.until, excluded.until),
      others_until = ${OTHERS},
      behind_until = CASE WHEN excluded.held_id IS NULL THEN ${BEHIND} ELSE least(${BEHIND}, ${OTHERS}) END,
      offered_id = excluded.offered_id,
      offered_at = excluded.offered_at,
      offered_current = excluded.offered_current,
      offered_newest = excluded.offered_newest,
      held_since = ${held('held_since', SINCE)},
      held_at = ${held('held_at')},
      held_current = ${held('held_current')},
      held_newest = ${held('held_newest')},
      held_id = ${held('held_id')}`;
}

/** What the process shows now; else what it showed before, unless that is no longer true of it. */
function held(column: string, shown = `excluded.${column}`): string {
  return `CASE WHEN excluded.held_id IS NOT NULL THEN ${shown} WHEN ${OTHER} OR ${LESS} THEN NULL ELSE l.${column} END`;
}

/** Writes grants, in the order of their answers, in the transaction that is open. Any number of them may be of one holder. */
export async function recordLeases(ask: Ask, schema: string, grants: readonly LeaseGrant[]): Promise<void> {
  for (const round of rounds(grants)) await ask(recordStatement(schema, '$1'), [JSON.stringify(round)]);
}

/** One statement takes one row of each holder: its later grants go into later statements. */
export function rounds(grants: readonly LeaseGrant[]): Columns[][] {
  const found: Columns[][] = [];
  const seen = new Map<string, number>();
  for (const grant of grants) {
    const row = columnsOf(grant);
    const holder = `${row.keyring} ${row.principal} ${row.instance}`;
    const round = seen.get(holder) ?? 0;
    seen.set(holder, round + 1);
    const others = found[round];
    if (others === undefined) found[round] = [row];
    else others.push(row);
  }
  return found;
}

/** The registry of all replicas: what one granted the others see. @param schema quoted */
export function leaseReaderIn(connections: Connections, schema: string): Pick<LeaseRegistry, 'live' | 'page'> {
  const live = `SELECT * FROM ${schema}.leases WHERE keyring = $1 AND until > $2 ORDER BY instance, principal`;
  const pages = `
    SELECT * FROM ${schema}.leases WHERE keyring = $1 AND (instance, principal) > ($2, $3)
    ORDER BY instance, principal LIMIT $4`;
  return {
    live: async (keyring, at, options) => (await connections.query(live, [keyring, at], options)).map(leaseOf),

    async page(keyring, after, limit, options) {
      const found = (await connections.query(pages, [keyring, ...positionIn(after ?? ''), limit + 1], options)).map(leaseOf);
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

function columnsOf({ instance, session, grantedAt, offered, acknowledged, ...grant }: LeaseGrant): Columns {
  const shown = instance === null ? null : acknowledged;
  return {
    keyring: grant.keyring,
    instance: instance ?? '',
    principal: grant.principal,
    session: instance === null ? '' : (session ?? ''),
    address: grant.address,
    first_seen: grantedAt,
    last_seen: grantedAt,
    until: grant.until,
    others_until: 0,
    behind_until: 0,
    offered_id: offered.changeId,
    offered_at: offered.changedAt,
    offered_current: offered.current,
    offered_newest: offered.newest,
    held_id: shown?.changeId ?? null,
    held_at: shown?.changedAt ?? null,
    held_current: shown?.current ?? null,
    held_newest: shown?.newest ?? null,
    held_since: shown === null ? null : grantedAt,
  };
}

function leaseOf(row: Row): Lease {
  const instance = textOf(row, 'instance');
  return {
    keyring: parseKeyringName(textOf(row, 'keyring')),
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

function holdingOf(row: Row, prefix: 'offered' | 'held'): Holding {
  return {
    changeId: textOf(row, `${prefix}_id`) as ChangeId,
    changedAt: numberOf(row, `${prefix}_at`),
    current: numberOf(row, `${prefix}_current`),
    newest: numberOf(row, `${prefix}_newest`),
  };
}
