import { checkSchedule, type Schedule, slotsAfter } from '../schedule.ts';
import { DAY, HOUR, type Instant, MINUTE, type Millis, SECOND, toIso } from '../time.ts';
import type { KeyringFacts, VersionFacts } from './facts.ts';
import type { Rule } from './finding.ts';
import { leastSkewOn } from './least-skew.ts';
import { span } from './words.ts';

/** NIST SP 800-57 part 1, 5.3.6: the originator-usage period of a symmetric authentication key. */
export const LONGEST_SIGNING: Millis = 2 * 365 * DAY;
/** What the procedure in docs/operations.md asks. */
export const LONGEST_BETWEEN_ROTATIONS: Millis = 90 * DAY;
const ABSURDLY_FAR: Millis = 400 * DAY;
const REPLACE_IMPORTED_WITHIN: Millis = DAY;
const FEWEST_REFRESHES = 3;
const SHORT_LEASE: Millis = 10 * MINUTE;
const SLOW_REFRESH: Millis = HOUR;
const SLOTS_TO_LOOK_AT = 8;

const rotate = (name: string, reason: string): string => `keyturn rotate ${name} --reason "${reason}"`;

/** One keyring by itself. `fleet-rules.ts` looks at who holds it. */
export const KEYRING_RULES: readonly Rule<KeyringFacts>[] = [
  {
    id: 'keyring.overdue',
    why: 'Its rotation, or the destruction of an old key, is due and keeps failing.',
    judge({ name, isOverdue, nextRotationAt }, { now }) {
      if (!isOverdue) return null;
      const late = nextRotationAt === null ? 0 : now - nextRotationAt;
      const found = late > 0 ? `it is overdue since ${span(late)}` : 'it is overdue';
      const remedy = `look for ${name} in the log of the service, which says why; it tries again by itself once that is mended`;
      return { severity: late > DAY ? 'critical' : 'warning', found, remedy };
    },
  },
  {
    id: 'keyring.signs-too-long',
    why: 'NIST SP 800-57 lets a key sign for two years at most; the longer it signs, the more a leak nobody noticed is worth.',
    judge({ name, versions }, { now }) {
      const signing = signingFor(versions, now);
      if (signing === null || signing <= LONGEST_SIGNING) return null;
      return { severity: 'critical', found: `its key has signed for ${span(signing)}`, remedy: rotate(name, 'older than two years') };
    },
  },
  {
    id: 'keyring.not-rotated',
    why: 'Without a schedule a key is rotated only when somebody thinks of it.',
    judge({ name, policy, versions }, { now }) {
      const signing = signingFor(versions, now);
      if (policy.schedule !== null || hasNext(versions) || signing === null) return null;
      if (signing <= LONGEST_BETWEEN_ROTATIONS || signing > LONGEST_SIGNING) return null;
      const found = `it has no schedule, and its key has signed for ${span(signing)}`;
      return { severity: 'warning', found, remedy: `keyturn update ${name} --cron "0 3 1 * *", and ${rotate(name, 'older than 90 days')}` };
    },
  },
  {
    id: 'keyring.far-slot',
    why: 'A slot that far away is usually a slip in the day or month of the cron expression.',
    judge({ name, policy, nextRotationAt }, { now }) {
      if (policy.schedule === null || nextRotationAt === null || nextRotationAt - now <= ABSURDLY_FAR) return null;
      const found = `its next slot is in ${span(nextRotationAt - now)} (cron "${policy.schedule.cron}")`;
      return { severity: 'warning', found, remedy: `keyturn schedule preview ${name}, then keyturn update ${name} --cron "0 3 1 * *"` };
    },
  },
  {
    id: 'keyring.imported',
    why: 'Where an imported key was before, and who has seen it, nobody can tell.',
    judge({ name, versions }, { now }) {
      const current = currentOf(versions);
      if (current === null || !current.isImported || hasNext(versions)) return null;
      const age = now - current.publishedAt;
      const judgement = current.judgement === null ? '' : ` (judged: ${current.judgement})`;
      const found = `the key that signs was imported ${span(age)} ago and never rotated since${judgement}`;
      return { severity: age > REPLACE_IMPORTED_WITHIN ? 'warning' : 'advice', found, remedy: rotate(name, 'replace the imported key') };
    },
  },
  {
    id: 'keyring.weak',
    why: 'Whoever guesses a weak key can forge whatever it verifies.',
    judge({ name, versions }) {
      const weak = versions.find(({ isWeak }) => isWeak);
      if (weak === undefined) return null;
      const until = weak.verifyUntil === null ? '' : ` until ${toIso(weak.verifyUntil)}`;
      const judgement = weak.judgement === null ? '' : ` (judged: ${weak.judgement})`;
      const remedy = `keyturn revoke ${name} ${weak.version} --reason "weak", as soon as its users may be logged out`;
      return { severity: 'warning', found: `version ${weak.version} is weak and verifies${until}${judgement}`, remedy };
    },
  },
  {
    id: 'keyring.few-refreshes',
    why: 'An instance that misses two answers in a row is out of keys.',
    judge({ name, policy: { leaseSeconds, refreshSeconds } }) {
      if (leaseSeconds >= FEWEST_REFRESHES * refreshSeconds) return null;
      const refresh = Math.max(1, Math.floor(leaseSeconds / FEWEST_REFRESHES));
      const found = `a lease of ${span(leaseSeconds * SECOND)} has fewer than ${FEWEST_REFRESHES} refreshes (one each ${span(refreshSeconds * SECOND)})`;
      return { severity: 'warning', found, remedy: `keyturn update ${name} --refresh ${refresh}s` };
    },
  },
  {
    id: 'keyring.lease-against-slots',
    why: 'A new key waits a lease before it signs: the next rotation comes before the last one has had half of its time.',
    judge({ name, policy: { schedule, leaseSeconds } }, { now }) {
      const gap = schedule === null ? null : gapOf(schedule, now);
      if (gap === null || leaseSeconds * SECOND <= gap / 2) return null;
      const found = `its lease of ${span(leaseSeconds * SECOND)} is longer than half the time between two slots (${span(gap)})`;
      return { severity: 'advice', found, remedy: `keyturn update ${name} --lease ${Math.max(1, Math.floor(gap / 2 / SECOND))}s` };
    },
  },
  {
    id: 'keyring.short-lease',
    why: 'When the service is away for longer than a lease, every instance is out of keys.',
    judge({ name, policy: { leaseSeconds } }) {
      if (leaseSeconds * SECOND >= SHORT_LEASE) return null;
      return { severity: 'advice', found: `its lease is only ${span(leaseSeconds * SECOND)}`, remedy: `keyturn update ${name} --lease 1h` };
    },
  },
  {
    id: 'keyring.short-skew',
    why: 'A change may take seconds to commit where the store hangs or asks to wait; the skew has to allow for it beside the clocks.',
    judge({ name, policy: { skewSeconds } }, { service }) {
      const kind = 'store' in service ? service.store.kind : 'sqlite';
      const least = leastSkewOn(kind);
      if (skewSeconds >= least) return null;
      const found = `its skew of ${skewSeconds} s is short for the ${kind} store`;
      return { severity: 'warning', found, remedy: `keyturn update ${name} --skew ${least}s` };
    },
  },
  {
    id: 'keyring.slow-refresh',
    why: 'After an emergency rotation an instance goes on with the leaked key until it asks again.',
    judge({ name, policy: { refreshSeconds } }) {
      if (refreshSeconds * SECOND <= SLOW_REFRESH) return null;
      const found = `its instances ask only once in ${span(refreshSeconds * SECOND)}`;
      return { severity: 'advice', found, remedy: `keyturn update ${name} --refresh 60s` };
    },
  },
];

function currentOf(versions: readonly VersionFacts[]): VersionFacts | null {
  return versions.find(({ role }) => role === 'current') ?? null;
}

function signingFor(versions: readonly VersionFacts[], now: Instant): Millis | null {
  const current = currentOf(versions);
  return current === null ? null : now - current.activatesAt;
}

function hasNext(versions: readonly VersionFacts[]): boolean {
  return versions.some(({ role }) => role === 'next');
}

/** The shortest time between some of the coming slots; null for a schedule that this program does not understand. */
function gapOf(schedule: Schedule, now: Instant): Millis | null {
  if (checkSchedule(schedule, now).length > 0) return null;
  const slots = slotsAfter(schedule, now, SLOTS_TO_LOOK_AT);
  const gaps = slots.slice(1).map((slot, index) => slot - (slots[index] ?? slot));
  return gaps.length === 0 ? null : Math.min(...gaps);
}
