import type { Command } from 'commander';
import type { RekeyOutcome } from '../../ports/at-machine.ts';
import type { Session } from '../session.ts';
import { examples, type JsonOption } from './shared.ts';

export function addRekey(program: Command, session: Session): void {
  program
    .command('rekey')
    .summary('change the master key')
    .description(
      'Change the master key of the data folder, or of the schema in PostgreSQL, while the service (all replicas) is stopped: all key ' +
        'material is sealed anew. Interrupted, it goes on where it was when run again. Where the master key comes from outside the data folder, name a file with the new one in ' +
        'KEYTURN_NEW_MASTER_KEY_FILE.',
    )
    .option('--json', 'the outcome as JSON')
    .addHelpText(
      'after',
      examples(['keyturn rekey'], ['KEYTURN_NEW_MASTER_KEY_FILE=new.key keyturn rekey', 'with a master key of your own']),
    )
    .action((options: JsonOption) => rekey(session, options));
}

async function rekey({ atMachine, print, note, paint }: Session, { json }: JsonOption): Promise<void> {
  const machine = await atMachine();
  const outcome = await machine.rekey(({ resealed }) => note(`${resealed} entries sealed anew\n`));
  if (json === true) return print(`${JSON.stringify(outcome)}\n`);
  print(`${paint('green', `The master key is changed; the new one has the id ${outcome.masterKeyId}.`)}\n${hints(outcome)}`);
}

function hints({ unreadable, inDataFolder }: RekeyOutcome): string {
  const damaged =
    unreadable === 0 ? '' : `${unreadable} entries were damaged before and stay as they are: keyturn backup restore may bring them back.\n`;
  const next = inDataFolder
    ? 'It is in the data folder. Make a backup now: older ones hold the old key.\n'
    : 'From now on KEYTURN_MASTER_KEY_FILE must name the new key. Keep the old one as long as you keep backups that it belongs to.\n';
  return `${damaged}${next}`;
}
