import type { Command } from 'commander';
import type { RecordRange } from '../../ports/audit.ts';
import type { AuditTools } from '../audit-tools.ts';
import { EXIT, Failure } from '../failure.ts';
import { writePrivateFile } from '../private-file.ts';
import { readBody } from '../problem.ts';
import type { Session } from '../session.ts';
import { AuditRange } from '../wire.ts';
import { examples } from './shared.ts';

const WHERE = 'The service is asked, which needs the role admin; where nothing listens, the log of the configuration is taken as it lies.';

export function addAuditExport(audit: Command, session: Session): void {
  audit
    .command('export')
    .summary('write the oldest part of the log to a file')
    .description(`Write all records before an instant, with hashes, seals and a signed checkpoint, to a new file, and verify it. ${WHERE}`)
    .requiredOption('--until <instant>', 'records before this instant, such as 2026-11-01T00:00:00Z')
    .requiredOption('--out <file>', 'the file; it must not exist')
    .addHelpText('after', examples(['keyturn audit export --until 2026-11-01T00:00:00Z --out audit-2026-10.ndjson']))
    .action(({ until, out }: { until: string; out: string }) => exportUntil(session, until, out));
}

async function exportUntil(session: Session, text: string, file: string): Promise<void> {
  const until = Date.parse(text);
  if (Number.isNaN(until)) throw new Failure(EXIT.usage, '--until must be an instant such as 2026-11-01T00:00:00Z.');
  const nothing = new Failure(EXIT.refused, `The log holds nothing that ended before ${text}; no file was written.`);
  const { from, to } = await ofService(
    session,
    () => download(session, until, file),
    async (tools) => {
      const exported = await tools.exportUntil(until, file);
      if (exported === null) throw nothing;
      return exported;
    },
  );
  session.print(`Records ${from} to ${to} are in ${file}.\n`);
  session.note(`They are still in the log. Keep the file safe, then: keyturn audit drop --exported ${file}\n`);
}

async function download({ client, auditTools }: Session, until: number, file: string): Promise<RecordRange> {
  const body = { until: new Date(until).toISOString() };
  await client.receive({ method: 'POST', path: '/v1/audit/export', body }, (bytes) => writePrivateFile(file, bytes)).catch(cut);
  const { from, checkpoint } = await (await auditTools()).claimOf(file);
  return { from, to: checkpoint.sequence };
}

/** The service ends an answer in the middle where the log is not as it was written. */
function cut(error: unknown): never {
  const isCut = error instanceof Failure && error.exitCode === EXIT.unreachable && error.code !== 'ECONNREFUSED';
  if (!isCut) throw error;
  const { code, cause } = error;
  throw new Failure(EXIT.unreachable, `${error.message} The export is not whole, and no file was kept. See: keyturn audit verify`, {
    code,
    cause,
  });
}

export function addAuditDrop(audit: Command, session: Session): void {
  audit
    .command('drop')
    .summary('delete from the log what was exported')
    .description(`Verify an exported file against the log and delete exactly what it holds; the log then begins after it. ${WHERE}`)
    .requiredOption('--exported <file>', 'the file that keyturn audit export wrote')
    .addHelpText('after', examples(['keyturn audit drop --exported audit-2026-10.ndjson']))
    .action(async ({ exported }: { exported: string }) => {
      const { from, to } = await ofService(
        session,
        () => drop(session, exported),
        (tools) => tools.dropExported(exported),
      );
      session.print(`Records ${from} to ${to} were deleted from the log. Keep ${exported}: it holds them now.\n`);
    });
}

async function drop({ client, auditTools }: Session, file: string): Promise<RecordRange> {
  const { from, checkpoint } = await (await auditTools()).claimOf(file);
  const body = { from, checkpoint: { ...checkpoint, at: new Date(checkpoint.at).toISOString() } };
  return readBody(await client.send({ method: 'POST', path: '/v1/audit/drop', body }), AuditRange);
}

/** Only where nothing listens the log is taken as it lies: another refusal is an answer. The lock of the folder keeps a service away meanwhile. */
async function ofService<Result>(
  { auditTools, note }: Session,
  asked: () => Promise<Result>,
  atRest: (tools: AuditTools) => Promise<Result>,
): Promise<Result> {
  try {
    return await asked();
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== 'ECONNREFUSED') throw error;
    const tools = await auditTools();
    const folder = tools.restingLog();
    if (folder === null) throw error;
    note(`No service answers; the log in ${folder} is taken.\n`);
    return atRest(tools);
  }
}
