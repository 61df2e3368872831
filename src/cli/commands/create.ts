import type { Command } from 'commander';
import { parseName } from '../arguments.ts';
import { type KeySource, secretFrom } from '../input.ts';
import { addPolicyOptions, type PolicyOptions, policyFrom } from '../policy-options.ts';
import { readBody } from '../problem.ts';
import { policyInWords } from '../render/keyring.ts';
import { plain } from '../render/plain.ts';
import type { Session } from '../session.ts';
import { KeyringView } from '../wire.ts';
import { addKeySource, examples, type JsonOption } from './shared.ts';

interface CreateOptions extends PolicyOptions, KeySource, JsonOption {
  readonly reason?: string;
}

export function addCreate(program: Command, session: Session): void {
  const command = program
    .command('create')
    .summary('make a keyring')
    .description('Make a keyring with its first key, which signs at once.')
    .argument('<name>', 'the name of the new keyring', parseName);
  addKeySource(addPolicyOptions(command, true))
    .option('--reason <text>', 'why, for the history')
    .option('--json', "the service's answer as it is")
    .addHelpText(
      'after',
      examples(
        ['keyturn create web', 'the first of each month, sessions of 31 days'],
        ['keyturn create web --cron "0 4 * * SUN" --time-zone Europe/Berlin'],
        ['keyturn create api --token-lifetime 1h --lease 5m --refresh 30s --cron "0 * * * *"'],
        ['keyturn create legacy --key-file ./secret_key', 'go on with the key the app has today'],
      ),
    )
    .action((name: string, options: CreateOptions) => create(session, name, options));
}

async function create(session: Session, name: string, options: CreateOptions): Promise<void> {
  const key = await secretFrom(options, session);
  const body = { name, policy: policyFrom(options), key: key?.reveal(), reason: options.reason };
  const answer = await session.client.send({ method: 'POST', path: '/v1/keyrings', body });
  if (options.json === true) session.print(`${answer.text}\n`);
  else session.print(created(session, readBody(answer, KeyringView)));
}

function created({ paint, clock }: Session, view: KeyringView): string {
  const version = view.versions.find(({ role }) => role === 'current')?.version ?? 1;
  const name = plain(view.name);
  return [
    `${paint('green', `Keyring ${name} is made.`)} Its version ${version} signs from now on.\n\n`,
    policyInWords(paint, view, clock.now()),
    '\nNext, rotate it without logging anyone out:\n',
    `  ${paint('bold', `npx keyturn rotate ${name} --reason "first try"`)}\n`,
  ].join('');
}
