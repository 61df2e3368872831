import type { Command } from 'commander';
import { keyringPath, parseCount, parseName } from '../arguments.ts';
import { readBody } from '../problem.ts';
import { deletionInWords } from '../render/keyring.ts';
import { plain } from '../render/plain.ts';
import type { Session } from '../session.ts';
import { KeyringView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface DeleteOptions extends JsonOption {
  readonly recoveryDays?: number;
  readonly reason?: string;
}

export function addDelete(program: Command, session: Session): void {
  program
    .command('delete')
    .summary('delete a keyring, with a time to undo it')
    .description('Delete a keyring. Its keys are no longer served; until the recovery window ends, restore brings it back whole.')
    .argument('<name>', 'a keyring', parseName)
    .option('--recovery-days <days>', 'how long it can be restored, 7 to 30 (default: 7)', parseCount)
    .option('--reason <text>', 'why, for the history')
    .option('--json', "the service's answer as it is")
    .addHelpText('after', examples(['keyturn delete old-app --reason "switched off"'], ['keyturn delete old-app --recovery-days 30']))
    .action((name: string, options: DeleteOptions) => remove(session, name, options));
}

async function remove(session: Session, name: string, { recoveryDays, reason, json }: DeleteOptions): Promise<void> {
  const { client, paint, print, clock } = session;
  const answer = await client.send({ method: 'DELETE', path: keyringPath(name), query: { recoveryDays, reason } });
  if (json === true) return print(`${answer.text}\n`);
  const view = readBody(answer, KeyringView);
  print(`${paint('yellow', `Keyring ${plain(view.name)} is deleted; its keys are no longer served.`)}\n`);
  print(deletionInWords(view, clock.now()));
}
