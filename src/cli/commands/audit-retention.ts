import type { Command } from 'commander';
import { EXIT, Failure } from '../failure.ts';
import type { Session } from '../session.ts';
import { examples } from './shared.ts';

export function addAuditExport(audit: Command, session: Session): void {
  audit
    .command('export')
    .summary('write the oldest part of the log to a file')
    .description(
      'Write all records before an instant, with hashes, seals and a signed checkpoint, to a new file. Stop the service first; replicas on PostgreSQL may run.',
    )
    .requiredOption('--until <instant>', 'records before this instant, such as 2026-11-01T00:00:00Z')
    .requiredOption('--out <file>', 'the file; it must not exist')
    .addHelpText('after', examples(['keyturn audit export --until 2026-11-01T00:00:00Z --out audit-2026-10.ndjson']))
    .action(({ until, out }: { until: string; out: string }) => exportUntil(session, until, out));
}

async function exportUntil({ auditTools, print, note }: Session, text: string, file: string): Promise<void> {
  const until = Date.parse(text);
  if (Number.isNaN(until)) throw new Failure(EXIT.usage, '--until must be an instant such as 2026-11-01T00:00:00Z.');
  const exported = await (await auditTools()).exportUntil(until, file);
  if (exported === null) throw new Failure(EXIT.refused, `The log holds nothing that ended before ${text}; no file was written.`);
  print(`Records ${exported.from} to ${exported.to} are in ${file}.\n`);
  note(`They are still in the log. Keep the file safe, then: keyturn audit drop --exported ${file}\n`);
}

export function addAuditDrop(audit: Command, session: Session): void {
  audit
    .command('drop')
    .summary('delete from the log what was exported')
    .description(
      'Verify an exported file against the log and delete exactly what it holds; the log then begins after it. Stop the service first; ' +
        'replicas on PostgreSQL may run.',
    )
    .requiredOption('--exported <file>', 'the file that keyturn audit export wrote')
    .addHelpText('after', examples(['keyturn audit drop --exported audit-2026-10.ndjson']))
    .action(async ({ exported }: { exported: string }) => {
      const { from, to } = await (await session.auditTools()).dropExported(exported);
      session.print(`Records ${from} to ${to} were deleted from the log. Keep ${exported}: it holds them now.\n`);
    });
}
