import { type Command, Option } from 'commander';
import type { Secret } from '../../core/secret.ts';
import { parseName } from '../arguments.ts';
import { parseDuration } from '../durations.ts';
import { EXIT, Failure } from '../failure.ts';
import { type KeyToday, keyToday } from '../key-today.ts';
import { addPolicyOptions, type PolicyOptions, policyFrom } from '../policy-options.ts';
import { readBody } from '../problem.ts';
import { importedInWords } from '../render/imported.ts';
import { judgementInWords } from '../render/judgement.ts';
import type { Session } from '../session.ts';
import { Judgement, KeyringView } from '../wire.ts';
import { examples } from './shared.ts';

interface ImportOptions extends PolicyOptions, KeyToday {
  readonly verifyOnly?: true;
  readonly verifyFor?: number;
  readonly reason?: string;
}

export function addImport(program: Command, session: Session): void {
  const command = program
    .command('import')
    .summary('take over the key an application has today')
    .description(
      'Make a keyring of the key that an application has today. The key is judged first: a sound one goes on signing; a weak one may only ' +
        'go on verifying, beside a fresh key that signs from now on. The key is never printed.',
    )
    .argument('<name>', 'the name of the new keyring', parseName)
    .addOption(new Option('--from-env <variable>', 'the variable that holds the key').conflicts('fromFile'))
    .option('--from-file <path>', 'the file that holds the key; <path>:<name> for one line of a .env file')
    .option('--verify-only', 'sign with a fresh key, and with this one only verify; a weak key needs --reason')
    .option('--verify-for <duration>', 'how long it verifies (default: as long as what it signed may live)', parseDuration);
  addPolicyOptions(command, true)
    .option('--reason <text>', 'why, for the history')
    .addHelpText(
      'after',
      examples(
        ['keyturn import web --from-env FLASK_SECRET_KEY'],
        ['keyturn import web --from-file .env:FLASK_SECRET_KEY'],
        [
          'keyturn import web --from-file ./secret_key --verify-only --reason "off the tutorial key"',
          'it is weak, and nobody is to be logged out',
        ],
      ),
    )
    .action((name: string, options: ImportOptions) => importKey(session, name, options));
}

async function importKey(session: Session, name: string, options: ImportOptions): Promise<void> {
  requireConsistent(options);
  const key = await keyToday(options, session);
  const judgement = await judge(session, key);
  session.print(judgementInWords(session.paint, judgement));
  refuseUnfit(judgement, options, name);
  const body = { name, policy: policyFrom(options), key: key.reveal(), reason: options.reason, ...roleOf(judgement, options) };
  const answer = await session.client.send({ method: 'POST', path: '/v1/keyrings', body });
  session.print(importedInWords(session.paint, readBody(answer, KeyringView), session.clock.now()));
}

async function judge({ client }: Session, key: Secret): Promise<Judgement> {
  const answer = await client.send({ method: 'POST', path: '/v1/strength', body: { key: key.reveal() }, repeatable: true });
  return readBody(answer, Judgement);
}

function roleOf({ acceptable }: Judgement, { verifyOnly, verifyFor }: ImportOptions) {
  if (verifyOnly !== true) return {};
  return { importAs: 'previous', acceptWeak: acceptable ? undefined : true, verifyForSeconds: verifyFor };
}

function requireConsistent({ verifyOnly, verifyFor }: ImportOptions): void {
  if (verifyFor === undefined || verifyOnly === true) return;
  throw new Failure(EXIT.usage, '--verify-for goes with --verify-only: a key that signs is replaced by its schedule.');
}

function refuseUnfit({ acceptable, mayVerify }: Judgement, { verifyOnly, reason }: ImportOptions, name: string): void {
  if (acceptable) return;
  if (!mayVerify) {
    const lost = 'Make a fresh one; whoever is logged in has to log in again';
    throw new Failure(EXIT.refused, `This key can neither sign nor verify. ${lost}: keyturn create ${name}`);
  }
  if (verifyOnly !== true) {
    const offer =
      'Type the same command with --verify-only --reason "…": a fresh key signs, and what this one signed stays good for a while';
    throw new Failure(EXIT.refused, `This key may not sign, and nothing was imported. ${offer}.`);
  }
  if (reason === undefined) throw new Failure(EXIT.usage, 'A weak key is taken over only with a reason: add --reason "…".');
}
