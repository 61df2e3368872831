import { DAY, type Millis, toIso } from '../time.ts';
import type { AuditFacts } from './facts.ts';
import type { Rule } from './finding.ts';
import { span } from './words.ts';

const OLD_CHECKPOINT: Millis = 31 * DAY;

export const AUDIT_RULES: readonly Rule<AuditFacts>[] = [
  {
    id: 'audit.not-intact',
    why: 'Somebody has changed, removed or added records, or the disk has.',
    judge({ isIntact, verdict }) {
      if (isIntact) return null;
      return {
        severity: 'critical',
        found: verdict,
        remedy: 'keyturn audit verify, and keep a copy of the data folder before you change anything',
      };
    },
  },
  {
    id: 'audit.serves-unrecorded',
    why: 'Whoever fills the disk can read keys without leaving a record.',
    judge({ onOutage }) {
      if (onOutage !== 'serve-reads') return null;
      const found = 'keys are served while the audit log cannot be written';
      return { severity: 'advice', found, remedy: 'audit: { onOutage: refuse } in the configuration, unless you chose this' };
    },
  },
  {
    id: 'audit.old-checkpoint',
    why: 'Only a signed head that is kept elsewhere shows that the end of the log was cut off.',
    judge({ lastCheckpointAt }, { now }) {
      if (lastCheckpointAt !== null && now - lastCheckpointAt <= OLD_CHECKPOINT) return null;
      const found =
        lastCheckpointAt === null
          ? 'no checkpoint was ever made'
          : `the last checkpoint is ${span(now - lastCheckpointAt)} old (${toIso(lastCheckpointAt)})`;
      return { severity: 'warning', found, remedy: 'keyturn audit checkpoint --json > checkpoint.json, and keep the file elsewhere' };
    },
  },
];
