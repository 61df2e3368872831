import type { Command } from 'commander';
import { writePrivateFile } from '../private-file.ts';
import type { Session } from '../session.ts';
import { examples } from './shared.ts';

interface MakeOptions {
  readonly out: string;
}

export function addBackupMake(backup: Command, session: Session): void {
  backup
    .command('make')
    .summary('an encrypted copy of everything')
    .description('Ask the running service for an encrypted copy of everything, as of one moment. Needs the role admin.')
    .requiredOption('--out <path>', 'the new file for the backup')
    .addHelpText('after', examples(['keyturn backup make --out keyturn-2026-11-24.backup']))
    .action((options: MakeOptions) => make(session, options));
}

async function make({ client, print, paint }: Session, { out }: MakeOptions): Promise<void> {
  await client.receive({ method: 'POST', path: '/v1/backup' }, (body) => writePrivateFile(out, body));
  print(`${paint('green', `The backup is in ${out}.`)} Only the recovery key opens it. Try it: restore it into an empty data folder.\n`);
}
