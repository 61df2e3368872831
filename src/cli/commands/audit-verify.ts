import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import Value from 'typebox/value';
import type { KeptCheckpoint } from '../audit-tools.ts';
import { EXIT, Failure } from '../failure.ts';
import { readBody } from '../problem.ts';
import { verdictText } from '../render/audit.ts';
import type { Session } from '../session.ts';
import { AuditVerdict, CheckpointView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface VerifyOptions extends JsonOption {
  readonly dataDir?: string;
  readonly store?: true;
  readonly file?: string;
  readonly checkpoint?: string;
}

export function addAuditVerify(audit: Command, session: Session): void {
  audit
    .command('verify')
    .summary('name every record that is not as it was written')
    .description(
      'Read the whole log and name every record that was altered, removed or moved. The service is asked, unless a folder, a file or ' +
        'the store is named: then no service is needed. Ends with exit code 1 when something is wrong.',
    )
    .addOption(new Option('--data-dir <folder>', 'the log in this data folder, or in a copy of one').conflicts(['file', 'store']))
    .addOption(new Option('--store', 'the log where the configuration keeps it: read as it lies there').conflicts('file'))
    .option('--file <file>', 'a segment made by keyturn audit export')
    .option('--checkpoint <file>', 'a checkpoint that you kept: finds also a log that was set back or cut off')
    .option('--json', 'the verdict as JSON')
    .addHelpText(
      'after',
      examples(
        ['keyturn audit verify --checkpoint checkpoint.json'],
        ['keyturn audit verify --data-dir ./copy-of-data'],
        ['keyturn audit verify --store'],
      ),
    )
    .action((options: VerifyOptions) => verify(session, options));
}

async function verify(session: Session, options: VerifyOptions): Promise<void> {
  const known = options.checkpoint === undefined ? null : await readCheckpoint(options.checkpoint);
  const verdict = await verdictOn(session, options, known);
  session.print(options.json === true ? `${JSON.stringify(verdict)}\n` : verdictText(session.paint, verdict));
  const [first] = verdict.findings;
  if (!verdict.intact) throw new Failure(EXIT.refused, `The audit log is not intact: ${first?.problem ?? 'see the verdict'}.`);
}

async function verdictOn(
  { client, auditTools }: Session,
  { dataDir, store, file }: VerifyOptions,
  known: KeptCheckpoint | null,
): Promise<AuditVerdict> {
  if (dataDir !== undefined) return plain(await (await auditTools()).verifyFolder(dataDir, known));
  if (store === true) return plain(await (await auditTools()).verifyStore(known));
  if (file !== undefined) return plain(await (await auditTools()).verifyFile(file, known));
  const body = known === null ? {} : { checkpoint: withIso(known) };
  return readBody(await client.send({ method: 'POST', path: '/v1/audit/verify', body, repeatable: true }), AuditVerdict);
}

function plain<Verdict extends { readonly findings: readonly object[]; readonly unchecked: readonly string[] }>(verdict: Verdict) {
  return { ...verdict, findings: [...verdict.findings] as Verdict['findings'][number][], unchecked: [...verdict.unchecked] };
}

function withIso({ publicKey: _, at, ...rest }: KeptCheckpoint) {
  return { ...rest, at: new Date(at).toISOString() };
}

/** @throws Failure `usage` */
async function readCheckpoint(file: string): Promise<KeptCheckpoint> {
  const value: unknown = await readFile(file, 'utf8')
    .then(JSON.parse)
    .catch(() => null);
  if (Value.Check(CheckpointView, value)) return { ...value, at: Date.parse(value.at), publicKey: value.publicKey ?? null };
  throw new Failure(EXIT.usage, `${file} is not a checkpoint as keyturn audit checkpoint prints it, or cannot be read.`);
}
