import { type Millis, SECOND } from '../time.ts';
import type { Facts, ServiceFacts } from './facts.ts';
import type { Rule } from './finding.ts';
import { count, hostOf, isLoopback, span } from './words.ts';

/** Where no keyring can be seen: the default of a policy. */
const USUAL_SKEW: Millis = 30 * SECOND;

/** A service that answers. */
export const SERVICE_RULES: readonly Rule<ServiceFacts>[] = [
  {
    id: 'service.store-silent',
    why: 'Instances live on their leases; nothing can be changed, and when the leases end they are out of keys.',
    judge({ store }) {
      if (!store.failing) return null;
      const since = store.silentSeconds === null ? 'has not answered yet' : `has not answered for ${span(store.silentSeconds * SECOND)}`;
      return {
        severity: 'critical',
        found: `its store (${store.kind}) ${since}`,
        remedy: 'bring the store back; the log of the service says what it answers',
      };
    },
  },
  {
    id: 'service.scheduler-late',
    why: 'While nothing looks for keyrings that are due, none is rotated and no old key is destroyed.',
    judge({ scheduler: { failing, lastSweepSecondsAgo } }) {
      if (!failing) return null;
      const since = lastSweepSecondsAgo === null ? 'no sweep has run yet' : `the last sweep ran ${span(lastSweepSecondsAgo * SECOND)} ago`;
      return {
        severity: 'warning',
        found: since,
        remedy: 'look for "sweep failed" in the log of the service, and at sweep.cron in its configuration',
      };
    },
  },
  {
    id: 'service.clock-behind',
    why: 'Keys sign and end by the clock. A service whose clock is before its own last change refuses to change anything.',
    judge({ clock }) {
      if (!clock.failing) return null;
      return {
        severity: 'critical',
        found: 'its clock is behind the last change of a keyring',
        remedy: 'set the clock of its machine: timedatectl set-ntp true',
      };
    },
  },
  {
    id: 'service.audit-unwritable',
    why: 'What is not recorded is refused, or, as configured for reads of keys, happens without a record.',
    judge({ audit }) {
      if (!audit.failing) return null;
      return {
        severity: 'critical',
        found: 'its audit log cannot be written',
        remedy: 'make room on the disk, or bring the database back; the log of the service says what is wrong',
      };
    },
  },
  {
    id: 'service.no-spool',
    why: 'While the database is out, a read that can be recorded nowhere is refused, or, as configured, happens without a record.',
    judge({ audit }) {
      if (!audit.spoolFailing) return null;
      return {
        severity: 'warning',
        found: 'its audit spool is full, or there is no place to write one',
        remedy: 'let dataDir be a folder that it may write, on a volume that outlasts it; or raise audit.spoolMegabytes',
      };
    },
  },
  {
    id: 'service.spooled',
    why: 'What was read in the outage is on the disk of one replica alone until it is in the log.',
    judge({ audit }) {
      if (audit.failing || audit.spooled === 0) return null;
      return {
        severity: 'warning',
        found: `${audit.spooled} records of an outage are not in the audit log yet`,
        remedy: 'look again in a minute; if they are still there, the log of the service says why (task spool)',
      };
    },
  },
  {
    id: 'service.clock-offset',
    why: 'Policies allow for clocks that differ by the skew, and no more.',
    judge({ ahead }, facts) {
      const offset = ahead === null ? 0 : certainOffset(ahead);
      const allowed = leastSkew(facts);
      if (Math.abs(offset) <= allowed) return null;
      const found = `its clock is ${span(Math.abs(offset))} ${offset > 0 ? 'ahead of' : 'behind'} this machine's; ${span(allowed)} are allowed for`;
      return {
        severity: 'warning',
        found,
        remedy: 'timedatectl status on both machines; timedatectl set-ntp true on the one that is wrong',
      };
    },
  },
  {
    id: 'service.overdue',
    why: 'A rotation, or the destruction of an old key, is due and keeps failing.',
    judge({ overdue }, { keyrings }) {
      const named = keyrings?.filter(({ isOverdue }) => isOverdue).length ?? 0;
      if (overdue <= named) return null;
      const found = `${count(overdue - named, 'keyring')} that your token does not see ${overdue - named === 1 ? 'is' : 'are'} overdue`;
      return { severity: 'warning', found, remedy: 'run keyturn doctor with the token of an operator or auditor for all keyrings' };
    },
  },
  {
    id: 'service.plain-http',
    why: 'Whoever sees the traffic reads tokens and keys.',
    judge(_service, { url }) {
      if (url.startsWith('https:') || isLoopback(hostOf(url))) return null;
      const remedy = 'set tls.certFile and tls.keyFile, or a proxy that ends TLS, and let KEYTURN_URL begin with https://';
      return { severity: 'critical', found: `it is asked over plain HTTP at ${hostOf(url)}`, remedy };
    },
  },
  {
    id: 'service.metrics-open',
    why: 'Metrics tell strangers how the service is doing and what is asked of it.',
    judge({ metricsOpen }, facts) {
      if (metricsOpen !== true || !isExposed(facts)) return null;
      return {
        severity: 'advice',
        found: '/metrics is open, and other machines reach the service',
        remedy: 'metrics: { access: token } in the configuration',
      };
    },
  },
  {
    id: 'service.docs-open',
    why: 'The page is of use to whoever looks for a way in, too.',
    judge({ docsOpen }, facts) {
      if (docsOpen !== true || !isExposed(facts)) return null;
      return {
        severity: 'advice',
        found: '/docs is open, and other machines reach the service',
        remedy: 'docs: { enabled: false } in the configuration',
      };
    },
  },
];

/** A service that does not answer. */
export const SILENCE_RULES: readonly Rule<{ readonly silent: string }>[] = [
  {
    id: 'service.unreachable',
    why: 'A review without the service sees only what lies on this machine.',
    judge: ({ silent }) => ({
      severity: 'critical',
      found: silent,
      remedy: 'keyturn health; is KEYTURN_URL the right one, and is the service running?',
    }),
  },
];

/** The offset that is certain: zero where the two clocks may agree. */
function certainOffset({ least, most }: { readonly least: Millis; readonly most: Millis }): Millis {
  if (least > 0) return least;
  return most < 0 ? most : 0;
}

function leastSkew({ keyrings }: Facts): Millis {
  const skews = keyrings?.map(({ policy }) => policy.skewSeconds * SECOND) ?? [];
  return skews.length === 0 ? USUAL_SKEW : Math.max(SECOND, Math.min(...skews));
}

function isExposed({ url, machine }: Facts): boolean {
  const listens = machine?.settings?.host;
  return !isLoopback(hostOf(url)) || (listens !== undefined && !isLoopback(listens));
}
