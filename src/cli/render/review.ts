import { type Finding, type Report, SEVERITIES, type Severity, type Unseen } from '../../core/review/finding.ts';
import { toIso } from '../../core/time.ts';
import type { Paint, Style } from '../ui.ts';
import { instant } from './instants.ts';
import { plain } from './plain.ts';

const STYLES: Readonly<Record<Severity, Style>> = { critical: 'red', warning: 'yellow', advice: 'bold', ok: 'green' };
const WIDTH = 'critical'.length;

/** A review for people: the worst first, each with its reason and what to do. */
export function reviewInWords(paint: Paint, url: string, { at, findings, unseen }: Report): string {
  const heading = `Review of ${plain(url)}, ${instant(toIso(at))}\n`;
  return [heading, findingsInWords(paint, findings), ...unseenInWords(paint, unseen), `${counted(findings)}.\n`].join('\n');
}

export function findingsInWords(paint: Paint, findings: readonly Finding[]): string {
  return findings.map((finding) => findingInWords(paint, finding)).join('');
}

/** `1 critical, 2 warnings, 3 advices …` without those that there are none of. */
export function counted(findings: readonly Finding[]): string {
  const counts = SEVERITIES.toReversed().map(
    (severity) => [severity, findings.filter((finding) => finding.severity === severity).length] as const,
  );
  return counts
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity === 'warning' && count > 1 ? 'warnings' : severity}`)
    .join(', ');
}

function findingInWords(paint: Paint, { severity, id, subject, found, why, remedy }: Finding): string {
  const label = paint(STYLES[severity], severity.padEnd(WIDTH));
  const first = `${label}  ${plain(subject)}: ${plain(found)}${severity === 'ok' ? '' : ` ${paint('dim', `[${id}]`)}`}\n`;
  const line = (name: string, text: string): string => (text === '' ? '' : `${' '.repeat(WIDTH)}  ${paint('dim', name)} ${plain(text)}\n`);
  return `${first}${line('why:', why)}${line('do: ', remedy)}`;
}

function unseenInWords(paint: Paint, unseen: readonly Unseen[]): string[] {
  if (unseen.length === 0) return [];
  const lines = unseen.map(({ what, needs }) => `  ${plain(what)}: needs ${plain(needs)}\n`);
  return [`${paint('bold', 'Not looked at')}\n${lines.join('')}`];
}
