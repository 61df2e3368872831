import type { Command } from 'commander';
import type { Session } from '../session.ts';
import { addBackupKey } from './backup-key.ts';
import { addBackupMake } from './backup-make.ts';
import { addBackupRestore } from './backup-restore.ts';

export function addBackup(program: Command, session: Session): void {
  const backup = program
    .command('backup')
    .summary('make and restore backups')
    .description('Backups are encrypted to a recipient: who makes them cannot read them. Only the recovery key opens them.');
  addBackupKey(backup, session);
  addBackupMake(backup, session);
  addBackupRestore(backup, session);
}
