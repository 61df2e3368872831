import type { FleetView, Holder } from '../app/fleet.ts';
import type { Cut } from '../core/cut.ts';
import type { Activation } from '../core/fleet.ts';
import { type Instant, toIso } from '../core/time.ts';
import type { Lease } from '../ports/leases.ts';

/** The fleet of a keyring on the wire; `next` is the caller's to encode. */
export function instancesView(view: FleetView) {
  const { name, revision, at, newest, instances, anonymous, lagging, completeSince, activation, cut, holders } = view;
  return {
    name,
    revision,
    summary: {
      at: toIso(at),
      newest: newest?.version ?? null,
      instances,
      anonymous,
      lagging,
      completeSince: completeSince === null ? null : toIso(completeSince),
      activation: activationView(activation),
      revoked: cut === null ? null : cutView(cut, at),
    },
    items: holders.items.map(holderView),
  };
}

function holderView({ lease, isLive, lagsUntil, mayHoldCut }: Holder) {
  const { instance, principal, address, firstSeen, lastSeen, until, offered, acknowledged, acknowledgedAt } = lease;
  const since = acknowledgedAt ?? lastSeen;
  return {
    instance,
    principal,
    address,
    firstSeen: toIso(firstSeen),
    lastSeen: toIso(lastSeen),
    leaseUntil: toIso(until),
    isLive,
    offered: { current: offered.current, newest: offered.newest },
    holds: acknowledged === null ? null : { current: acknowledged.current, newest: acknowledged.newest, since: toIso(since) },
    lags: lagsUntil !== null,
    lagsUntil: lagsUntil === null ? null : toIso(lagsUntil),
    mayHoldRevoked: mayHoldCut,
  };
}

const REASONS = { 'unknown leases': 'leases_unknown', 'anonymous lease': 'anonymous_lease', behind: 'instances_behind' } as const;

function activationView(activation: Activation<Lease>) {
  const message = activationInWords(activation);
  switch (activation.state) {
    case 'no next':
      return { state: 'none' as const, version: null, plannedAt: null, expectedAt: null, reason: null, message };
    case 'safe':
      return { state: 'safe' as const, ...versionOf(activation), expectedAt: null, reason: null, message };
    default: {
      const reason = REASONS[activation.state];
      return { state: 'waiting' as const, ...versionOf(activation), expectedAt: toIso(activation.until), reason, message };
    }
  }
}

function versionOf({ version }: Exclude<Activation<Lease>, { state: 'no next' }>) {
  return { version: version.version, plannedAt: toIso(version.activatesAt) };
}

function activationInWords(activation: Activation<Lease>): string {
  switch (activation.state) {
    case 'no next':
      return 'No version waits for its activation.';
    case 'safe':
      return `Every holder of a lease has version ${activation.version.version}: it signs from the next sweep on.`;
    case 'unknown leases':
      return activation.why === 'not shared'
        ? `Other replicas grant leases that are not listed here, so time decides: ${toIso(activation.until)}.`
        : `Leases from before the list began may be in use until ${toIso(activation.until)}.`;
    case 'anonymous lease':
      return `Callers that do not name themselves (Keyturn-Instance) hold leases until ${toIso(activation.until)}.`;
    case 'behind':
      return `${activation.behind} of ${activation.holders} instances may lack version ${activation.version.version}; the longest, ${activation.first.instance}, until ${toIso(activation.until)}.`;
  }
}

function cutView({ versions, at, mayHold, othersMay, clearedAt }: Cut<Lease>, now: Instant) {
  return {
    versions: [...versions],
    at: toIso(at),
    mayHold: mayHold.length,
    othersMay,
    cleared: clearedAt <= now,
    clearedAt: toIso(clearedAt),
  };
}
