import { type Command, Option } from 'commander';
import type { Reinstated, RestoreOutcome, Since } from '../../ports/at-machine.ts';
import { EXIT, Failure } from '../failure.ts';
import { secretFromFile } from '../input.ts';
import { plain } from '../render/plain.ts';
import type { Session } from '../session.ts';
import { examples, type JsonOption } from './shared.ts';

interface RestoreOptions extends JsonOption {
  readonly in: string;
  readonly recoveryKey: string;
  readonly nothingWasRevoked?: true;
  readonly revokeAll?: true;
  readonly audit?: readonly string[];
  readonly keepTokens?: true;
}

export function addBackupRestore(backup: Command, session: Session): void {
  backup
    .command('restore')
    .summary('bring back what the data folder has lost')
    .description(
      'Bring back into the data folder what it has lost, while the service is stopped. What the folder has stays as it is, and a key that was ' +
        'revoked or destroyed after the backup stays so. Each keyring that comes back signs with a fresh key.',
    )
    .requiredOption('--in <path>', 'the backup')
    .requiredOption('--recovery-key <path>', 'the file with the recovery key')
    .addOption(
      new Option(
        '--nothing-was-revoked',
        'where the folder cannot tell: no key was revoked after the backup; the old keys go on verifying',
      ).conflicts('revokeAll'),
    )
    .option('--revoke-all', 'where the folder cannot tell: only fresh keys are good, and everybody is logged out')
    .addOption(
      new Option(
        '--audit <path...>',
        'where the folder cannot tell: what keyturn audit export wrote since the backup, files or their folder; what ended according to them stays ended',
      ).conflicts(['nothingWasRevoked', 'revokeAll']),
    )
    .option('--keep-tokens', 'tokens of the backup are good again, also those that were revoked since')
    .option('--json', 'the outcome as JSON')
    .addHelpText(
      'after',
      examples(
        ['keyturn backup restore --in keyturn.backup --recovery-key recovery.key'],
        [
          'keyturn backup restore --in keyturn.backup --recovery-key recovery.key --nothing-was-revoked --keep-tokens',
          'into an empty data folder',
        ],
        ['keyturn backup restore --in keyturn.backup --recovery-key recovery.key --audit ./audit-exports'],
      ),
    )
    .action((options: RestoreOptions) => restore(session, options));
}

async function restore(session: Session, options: RestoreOptions): Promise<void> {
  const machine = await session.atMachine();
  const outcome = await machine.restore({
    file: options.in,
    recoveryKey: await secretFromFile(options.recoveryKey),
    since: sinceOf(options),
    audit: options.audit ?? [],
    keepTokens: options.keepTokens === true,
  });
  if (options.json === true) session.print(`${JSON.stringify(outcome)}\n`);
  else session.print(inWords(outcome));
  const failed = outcome.keyrings.filter((keyring) => keyring.outcome === 'failed').length;
  if (failed > 0) throw new Failure(EXIT.refused, `${failed} keyrings could not be restored; they are listed above.`);
}

function sinceOf({ nothingWasRevoked, revokeAll }: RestoreOptions): Since | null {
  if (nothingWasRevoked === true) return 'nothing-revoked';
  return revokeAll === true ? 'revoke-all' : null;
}

function inWords({ madeAt, keyrings, tokens, knownUntil }: RestoreOutcome): string {
  const lines = keyrings.map((keyring) => `  ${plain(keyring.name)}: ${fateOf(keyring)}\n`);
  const until = knownUntil === null ? '' : `The audit log that you gave ends at ${knownUntil}: what was revoked later is good again.\n`;
  return `From the backup of ${madeAt}:\n${lines.join('')}${until}${tokens} tokens are good again. Start the service, then look at: keyturn doctor\n`;
}

function fateOf(keyring: Reinstated): string {
  switch (keyring.outcome) {
    case 'kept':
      return keyring.filled.length === 0
        ? 'was there and stays as it is'
        : `was there; the lost keys of versions ${keyring.filled.join(', ')} are back`;
    case 'reinstated':
      return `is back; version ${keyring.current}, a fresh key, signs${keyring.ended.length === 0 ? '' : `; versions ${keyring.ended.join(', ')} stay ended`}`;
    case 'purged':
      return 'was deleted for good; only its history is back';
    case 'failed':
      return `could not be restored (${keyring.code})`;
  }
}
