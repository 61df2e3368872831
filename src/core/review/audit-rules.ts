import { DAY, type Millis } from '../time.ts';
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
        remedy: 'keyturn audit verify; keep a copy of the data folder before you change anything',
      };
    },
  },
  {
    id: 'audit.old-checkpoint',
    why: 'Only a signed head that is kept elsewhere shows that the end of the log was cut off.',
    judge({ withoutCheckpointSince: since }, { now }) {
      if (since === null || now - since <= OLD_CHECKPOINT) return null;
      const found = `no checkpoint was made for ${span(now - since)}`;
      return { severity: 'warning', found, remedy: 'keyturn audit checkpoint > checkpoint.json, and keep the file elsewhere' };
    },
  },
];
