import type { Command } from 'commander';
import { makeRecoveryKey } from '../../backup/recovery-key.ts';
import { fillPrivateFile, reservePrivateFile } from '../private-file.ts';
import type { Session } from '../session.ts';
import { examples, type JsonOption } from './shared.ts';

interface KeyOptions extends JsonOption {
  readonly out: string;
}

export function addBackupKey(backup: Command, session: Session): void {
  backup
    .command('key')
    .summary('make a recovery key and its recipient')
    .description(
      'Make a recovery key, in a new file that only you can read, and print the recipient for the configuration (backup.recipient). Keep the ' +
        'recovery key away from the service: whoever has it and a backup has every key. Asks no service.',
    )
    .requiredOption('--out <path>', 'the new file for the recovery key')
    .option('--json', 'the recipient as JSON')
    .addHelpText('after', examples(['keyturn backup key --out recovery.key']))
    .action((options: KeyOptions) => key(session, options));
}

async function key({ random, print, note }: Session, { out, json }: KeyOptions): Promise<void> {
  await reservePrivateFile(out);
  const { recoveryKey, recipient } = makeRecoveryKey(random);
  await fillPrivateFile(out, recoveryKey.reveal());
  print(json === true ? `${JSON.stringify({ recipient })}\n` : `${recipient}\n`);
  note(`The recovery key is in ${out}: move it away from this machine. The recipient above goes into backup.recipient of keyturn.yaml.\n`);
}
