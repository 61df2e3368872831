import type { Instant } from '../time.ts';
import type { Facts } from './facts.ts';

/** Rising. `ok` and `advice` leave a review clean; from `warning` on somebody has to do something. */
export const SEVERITIES = ['ok', 'advice', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** One thing that a review found. The texts are for people; programs branch on `id` and `severity`. */
export interface Finding {
  /** `area.what`, stable. */
  readonly id: string;
  readonly severity: Severity;
  /** What it is about: `keyring web`, `token web servers (4fQ0aB81xYzK)`, a path. */
  readonly subject: string;
  /** With its numbers. */
  readonly found: string;
  readonly why: string;
  /** What to do: the command to type, where there is one. Empty where nothing is to be done. */
  readonly remedy: string;
}

/** A part that could not be looked at. */
export interface Unseen {
  readonly what: string;
  /** What would show it: a role, a place. */
  readonly needs: string;
}

export interface Report {
  readonly at: Instant;
  /** The worst first. */
  readonly findings: readonly Finding[];
  readonly unseen: readonly Unseen[];
}

/** What a rule says of a subject that does not keep it. */
export interface Judged {
  readonly severity: Exclude<Severity, 'ok'>;
  readonly found: string;
  readonly remedy: string;
}

/** One question of the review. Null: nothing to say. */
export interface Rule<Subject> {
  readonly id: string;
  readonly why: string;
  readonly judge: (subject: Subject, facts: Facts) => Judged | null;
}

/** Every rule on one subject. */
export function judged<Subject>(rules: readonly Rule<Subject>[], subject: Subject, name: string, facts: Facts): Finding[] {
  return rules.flatMap(({ id, why, judge }) => {
    const said = judge(subject, facts);
    if (said === null) return [];
    const { severity, found, remedy } = said;
    return [{ id, severity, subject: name, found, why, remedy }];
  });
}
