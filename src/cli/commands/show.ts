import type { Command } from 'commander';
import { keyringPath, parseName } from '../arguments.ts';
import { readBody } from '../problem.ts';
import { deletionInWords, policyInWords, versionsTable } from '../render/keyring.ts';
import { plain } from '../render/plain.ts';
import type { Session } from '../session.ts';
import { KeyringView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

export function addShow(program: Command, session: Session): void {
  program
    .command('show')
    .summary('show one keyring without its keys')
    .description('Show a keyring: its policy in words, the versions that are served, what comes next. No key material.')
    .argument('<name>', 'a keyring', parseName)
    .option('--json', "the service's answer as it is")
    .addHelpText('after', examples(['keyturn show web'], ['keyturn show web --json | jq .policy']))
    .action((name: string, options: JsonOption) => show(session, name, options));
}

async function show({ client, paint, print, clock }: Session, name: string, { json }: JsonOption): Promise<void> {
  const answer = await client.send({ method: 'GET', path: keyringPath(name) });
  if (json === true) return print(`${answer.text}\n`);
  const view = readBody(answer, KeyringView);
  const now = clock.now();
  print(`${paint('bold', plain(view.name))} · ${plain(view.state)}\n${deletionInWords(view, now)}\n`);
  print(`${policyInWords(paint, view, now)}\n${versionsTable(paint, view, now)}`);
}
