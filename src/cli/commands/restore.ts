import type { Command } from 'commander';
import { keyringPath, parseName } from '../arguments.ts';
import { readBody } from '../problem.ts';
import { versionsTable } from '../render/keyring.ts';
import { plain } from '../render/plain.ts';
import type { Session } from '../session.ts';
import { KeyringView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface RestoreOptions extends JsonOption {
  readonly reason?: string;
}

export function addRestore(program: Command, session: Session): void {
  program
    .command('restore')
    .summary('undo the deletion of a keyring')
    .description('Undo the deletion of a keyring while its recovery window lasts.')
    .argument('<name>', 'a deleted keyring', parseName)
    .option('--reason <text>', 'why, for the history')
    .option('--json', "the service's answer as it is")
    .addHelpText('after', examples(['keyturn restore old-app --reason "deleted by mistake"']))
    .action((name: string, options: RestoreOptions) => restore(session, name, options));
}

async function restore(session: Session, name: string, { reason, json }: RestoreOptions): Promise<void> {
  const { client, paint, print, clock } = session;
  const answer = await client.send({ method: 'POST', path: keyringPath(name, '/restore'), body: { reason } });
  if (json === true) return print(`${answer.text}\n`);
  const view = readBody(answer, KeyringView);
  print(`${paint('green', `Keyring ${plain(view.name)} is back; its keys are served again.`)}\n\n`);
  print(versionsTable(paint, view, clock.now()));
}
