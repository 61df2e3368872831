import type { Command } from 'commander';
import { SEVERITIES } from '../../core/review/finding.ts';
import { isClean, review } from '../../core/review/review.ts';
import { toIso } from '../../core/time.ts';
import { gather } from '../doctor/gather.ts';
import { EXIT, Failure } from '../failure.ts';
import { counted, findingsInWords, reviewInWords } from '../render/review.ts';
import type { Session } from '../session.ts';
import { examples, type JsonOption } from './shared.ts';

interface DoctorOptions extends JsonOption {
  readonly quiet?: true;
}

export function addDoctor(program: Command, session: Session): void {
  program
    .command('doctor')
    .summary('review everything that a team should look at')
    .description(
      'The regular review: service, clock, keyrings, instances, tokens and audit log, as far as your token shows them, and, on the machine of the service, its ' +
        'configuration and the permissions of its data folder. Each finding says why it matters and what to type. Changes nothing. Exits with 0 where ' +
        'nothing is worse than advice, with 1 otherwise. A token with the roles auditor and admin sees all.',
    )
    .option('--json', 'the report as JSON')
    .option('-q, --quiet', 'only what is a warning or worse')
    .addHelpText(
      'after',
      examples(
        ['keyturn doctor'],
        ['keyturn doctor --quiet', 'for cron: silent while all is well'],
        ['keyturn doctor --json | jq -r \'.findings[] | select(.severity == "critical") | .found\''],
      ),
    )
    .action((options: DoctorOptions) => doctor(session, options));
}

async function doctor(session: Session, { json, quiet }: DoctorOptions): Promise<void> {
  const facts = await gather(session);
  const whole = review(facts);
  const report = quiet === true ? { ...whole, findings: whole.findings.filter(isWarning) } : whole;
  if (json === true) session.print(`${JSON.stringify({ ...report, at: toIso(report.at), service: facts.url, clean: isClean(whole) })}\n`);
  else if (quiet === true) session.print(findingsInWords(session.paint, report.findings));
  else session.print(reviewInWords(session.paint, facts.url, report));
  if (!isClean(whole)) throw new Failure(EXIT.refused, `The review is not clean: ${counted(whole.findings.filter(isWarning))}.`);
}

function isWarning({ severity }: { readonly severity: (typeof SEVERITIES)[number] }): boolean {
  return SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf('warning');
}
