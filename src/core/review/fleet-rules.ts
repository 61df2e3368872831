import { type Instant, MINUTE, type Millis, SECOND, toIso } from '../time.ts';
import type { FleetFacts, KeyringFacts } from './facts.ts';
import type { Rule } from './finding.ts';
import { count, some } from './words.ts';

/** The longest that the service holds a request: an instance that waits is silent meanwhile. */
const LONGEST_WAIT: Millis = 5 * MINUTE;
const MISSED_REFRESHES = 3;

/** A keyring whose fleet could be seen. */
export type WatchedKeyring = KeyringFacts & { readonly fleet: FleetFacts };

const watch = (name: string): string => `keyturn instances ${name} --all`;

export const FLEET_RULES: readonly Rule<WatchedKeyring>[] = [
  {
    id: 'fleet.revoked-in-use',
    why: 'Whoever has the revoked key can forge what these instances accept.',
    judge({ name, fleet: { revokedInUse } }) {
      if (revokedInUse === null) return null;
      const { versions, mayHold, until } = revokedInUse;
      const found = `version ${versions.join(', ')} is revoked, and ${count(mayHold, 'known instance')} may use it until ${toIso(until)}`;
      return { severity: 'critical', found, remedy: `${watch(name)}, and restart the instances that may use a revoked key` };
    },
  },
  {
    id: 'fleet.lags',
    why: 'An instance without the newest key holds up its activation, and is the first to reject what others sign.',
    judge({ name, policy, versions, fleet: { holders } }, { now }) {
      const patience = MISSED_REFRESHES * policy.refreshSeconds * SECOND;
      if (now - newestOf(versions.map(({ publishedAt }) => publishedAt)) <= patience) return null;
      const late = holders.filter(({ lags }) => lags);
      if (late.length === 0) return null;
      return { severity: 'warning', found: `without the newest key: ${some(late.map((holder) => holder.name))}`, remedy: watch(name) };
    },
  },
  {
    id: 'fleet.slow',
    why: 'It has gone without giving its lease back, or it asks less often than the policy says and hears late of an emergency.',
    judge({ name, policy, fleet: { holders } }, { now }) {
      const patience = MISSED_REFRESHES * policy.refreshSeconds * SECOND + LONGEST_WAIT;
      const slow = holders.filter(({ lastSeen }) => now - lastSeen > patience);
      if (slow.length === 0) return null;
      const found = `holds a lease and has not asked for over ${MISSED_REFRESHES} refreshes: ${some(slow.map((holder) => holder.name))}`;
      return { severity: 'advice', found, remedy: watch(name) };
    },
  },
  {
    id: 'fleet.anonymous',
    why: 'Nobody can tell what an instance without a name holds, so no key is activated early while one holds a lease.',
    judge({ fleet: { anonymous } }) {
      if (anonymous === 0) return null;
      const found = `callers of ${count(anonymous, 'token')} hold leases without naming themselves`;
      return {
        severity: 'advice',
        found,
        remedy: 'give each instance a name: the header Keyturn-Instance, or the option of the client library',
      };
    },
  },
];

function newestOf(instants: readonly Instant[]): Instant {
  return Math.max(0, ...instants);
}
