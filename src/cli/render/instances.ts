import type { Instant } from '../../core/time.ts';
import type { Paint } from '../ui.ts';
import type { FleetSummary, HolderView } from '../wire.ts';
import { instant, instantFrom } from './instants.ts';
import { facts, table } from './table.ts';

/** What the fleet means for the next key and for those that were cut. */
export function fleetInWords(paint: Paint, summary: FleetSummary, now: Instant): string {
  const { instances, anonymous, newest, lagging, activation } = summary;
  return facts(paint, [
    ['instances', `${instances} hold a lease${anonymous === 0 ? '' : `, and callers of ${anonymous} tokens that do not name themselves`}`],
    [
      'newest key',
      newest === null ? 'none' : `version ${newest}, which ${lagging === 0 ? 'all of them have' : `${lagging} of them may lack`}`,
    ],
    ['next key', activation.message],
    ...activationDates(summary, now),
    ...cutInWords(summary, now),
  ]);
}

type Fact = readonly [name: string, value: string];

function activationDates({ activation: { plannedAt, expectedAt } }: FleetSummary, now: Instant): Fact[] {
  if (plannedAt === null) return [];
  const planned: Fact = ['signs from', `${instantFrom(plannedAt, now)}, or earlier when all have it`];
  return expectedAt === null || expectedAt === plannedAt ? [planned] : [planned, ['at the latest', instantFrom(expectedAt, now)]];
}

function cutInWords({ revoked }: FleetSummary, now: Instant): Fact[] {
  if (revoked === null) return [];
  const { versions, at, cleared, clearedAt, mayHold, othersMay } = revoked;
  const who = `${mayHold} ${mayHold === 1 ? 'instance' : 'instances'}${othersMay ? ' and others that are not known' : ''}`;
  const what = `version ${versions.join(', ')}, at ${instant(at)}`;
  return [
    ['revoked', what],
    ['still in use', cleared ? `by nobody since ${instant(clearedAt)}` : `by ${who} until ${instantFrom(clearedAt, now)} at the latest`],
  ];
}

export function holdersTable(paint: Paint, holders: readonly HolderView[], now: Instant): string {
  return table(
    paint,
    ['INSTANCE', 'TOKEN', 'ADDRESS', 'HOLDS', 'SINCE', 'LAST ASKED', 'LEASE UNTIL', 'STATE'],
    holders.map((holder) => [
      holder.instance ?? '(no name)',
      holder.principal,
      holder.address,
      holder.holds === null ? `not shown; given ${holder.offered.newest}` : `version ${holder.holds.newest}`,
      holder.holds === null ? '–' : instant(holder.holds.since),
      instantFrom(holder.lastSeen, now),
      instantFrom(holder.leaseUntil, now),
      stateOf(holder),
    ]),
  );
}

function stateOf({ isLive, lags, mayHoldRevoked }: HolderView): string {
  if (mayHoldRevoked) return 'may use a revoked key';
  if (lags) return 'lags';
  return isLive ? 'up to date' : 'lease ended';
}
