import type { Instant } from '../../core/time.ts';
import { durationInWords } from '../durations.ts';
import type { Paint } from '../ui.ts';
import type { KeyringView } from '../wire.ts';
import { instant, instantFrom } from './instants.ts';
import { plain } from './plain.ts';
import { facts, table } from './table.ts';

/** The policy of a keyring and what follows from it, in words. */
export function policyInWords(paint: Paint, { policy, derived, nextRotationAt }: KeyringView, now: Instant): string {
  const { schedule } = policy;
  return facts(paint, [
    ['rotates', schedule === null ? 'on request only' : `by cron "${schedule.cron}" (${schedule.timeZone})`],
    ['next rotation', nextRotationAt === null ? 'when somebody asks for it' : instantFrom(nextRotationAt, now)],
    ['new key', `is published ${durationInWords(derived.propagationSeconds)} before it signs`],
    ['old key', `goes on verifying for ${durationInWords(derived.graceSeconds)} after it is replaced`],
    ['tokens', `live ${durationInWords(policy.tokenLifetimeSeconds)} at most`],
    ['instances', `ask every ${durationInWords(policy.refreshSeconds)} and may go on unheard for ${durationInWords(policy.leaseSeconds)}`],
    ['new keys', `${policy.keyBytes} random bytes, written in ${policy.keyEncoding}`],
  ]);
}

/** The versions that are served, newest first. */
export function versionsTable(paint: Paint, { versions }: KeyringView, now: Instant): string {
  return table(
    paint,
    ['VERSION', 'ROLE', 'KIND', 'PUBLISHED', 'SIGNS FROM', 'VERIFIES UNTIL'],
    versions.map(({ version, role, kind, publishedAt, activatesAt, verifyUntil, weak }) => [
      String(version),
      weak === true ? `${role}, weak` : role,
      kind,
      instant(publishedAt),
      role === 'next' ? instantFrom(activatesAt, now) : instant(activatesAt),
      verifyUntil === null ? 'it is replaced' : instantFrom(verifyUntil, now),
    ]),
  );
}

export function keyringsTable(paint: Paint, keyrings: readonly KeyringView[], now: Instant): string {
  return table(
    paint,
    ['NAME', 'STATE', 'SIGNING', 'NEXT KEY', 'SCHEDULE', 'NEXT ROTATION'],
    keyrings.map((keyring) => [
      keyring.name,
      keyring.state,
      versionIn(keyring, 'current'),
      versionIn(keyring, 'next'),
      keyring.policy.schedule === null ? 'on request' : `${keyring.policy.schedule.cron} ${keyring.policy.schedule.timeZone}`,
      instantFrom(keyring.nextRotationAt, now),
    ]),
  );
}

/** What became of a keyring that was deleted; empty for one that lives. */
export function deletionInWords({ name, deletion }: KeyringView, now: Instant): string {
  if (deletion === null) return '';
  const { deleted, purgeAt, purgedAt } = deletion;
  const by = plain(`Deleted ${instant(deleted.at)} by ${deleted.by.name}${deleted.reason === '' ? '' : `: ${deleted.reason}`}.`);
  if (purgeAt === null) return `${by}\nIts keys were destroyed ${instant(purgedAt)}; its history remains.\n`;
  return `${by}\nIt can be restored until ${instantFrom(purgeAt, now)}: npx keyturn restore ${plain(name)}\n`;
}

function versionIn({ versions }: KeyringView, role: string): string {
  const found = versions.find((version) => version.role === role);
  return found === undefined ? '–' : `version ${found.version}`;
}
