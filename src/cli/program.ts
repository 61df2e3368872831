import { Command } from 'commander';
import { addAgent } from './commands/agent.ts';
import { addAudit } from './commands/audit.ts';
import { addBackup } from './commands/backup.ts';
import { addCreate } from './commands/create.ts';
import { addDelete } from './commands/delete.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExec } from './commands/exec.ts';
import { addHealth } from './commands/health.ts';
import { addHistory } from './commands/history.ts';
import { addImport } from './commands/import.ts';
import { addInstances } from './commands/instances.ts';
import { addKeys } from './commands/keys.ts';
import { addList } from './commands/list.ts';
import { addMigrate } from './commands/migrate.ts';
import { addRekey } from './commands/rekey.ts';
import { addRestore } from './commands/restore.ts';
import { addRevoke } from './commands/revoke.ts';
import { addRotate } from './commands/rotate.ts';
import { addSchedule } from './commands/schedule.ts';
import { addServe } from './commands/serve.ts';
import { examples } from './commands/shared.ts';
import { addShow } from './commands/show.ts';
import { addStrength } from './commands/strength.ts';
import { addToken } from './commands/token.ts';
import { addUpdate } from './commands/update.ts';
import type { Deps } from './deps.ts';
import { EXIT } from './failure.ts';
import { sessionOf } from './session.ts';

const HELP_WIDTH = 110;

const SETTINGS = `
The service is found and asked by these environment variables:
  KEYTURN_URL         where it is (default: http://127.0.0.1:8460)
  KEYTURN_TOKEN_FILE  a file with your token (default: admin.token in the data folder)
  KEYTURN_TOKEN       the token itself; a file is safer
  KEYTURN_CA_FILE     the certificate authority of an https service, as PEM
  NO_COLOR            no colours on the terminal`;

const EXIT_CODES = `
Exit codes:
  ${EXIT.ok}   done
  ${EXIT.refused}   the service refused; nothing was changed (strength: the key may not be used; doctor: not clean; health: not ready)
  ${EXIT.usage}   the command line or the settings are wrong; nothing was sent
  ${EXIT.unreachable}   the service cannot be reached, or what answers is not Keyturn
  ${EXIT.unauthorised}   no token, or one that is not good for this
  ${EXIT.unavailable}   the service cannot do it now; try again later
  ${EXIT.bug}  a fault of this program`;

/**
 * The `keyturn` command with all its subcommands. Throws CommanderError where commander would leave the process.
 * @param endWith hears of the exit code of another program that was run
 */
export function buildProgram(deps: Deps, endWith: (exit: number) => void = () => {}): Command {
  const session = sessionOf(deps, endWith);
  const program = new Command('keyturn')
    .description('Rotate application signing keys without logging anyone out.')
    .version(deps.version, '-V, --version', 'print the version of this program')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .showHelpAfterError('See: keyturn --help')
    .exitOverride()
    .configureOutput({
      writeOut: session.print,
      writeErr: session.note,
      outputError: (text, write) => write(withoutValues(text)),
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText('after', `${SETTINGS}\n${EXIT_CODES}`)
    .addHelpText(
      'after',
      examples(['npm start', 'run the service'], ['npx keyturn create web'], ['npx keyturn rotate web --reason "first try"']),
    );
  for (const add of COMMANDS) add(program, session);
  return program;
}

const COMMANDS = [
  addServe,
  addCreate,
  addImport,
  addList,
  addShow,
  addKeys,
  addExec,
  addAgent,
  addRotate,
  addRevoke,
  addHistory,
  addInstances,
  addAudit,
  addUpdate,
  addDelete,
  addRestore,
  addToken,
  addSchedule,
  addStrength,
  addBackup,
  addRekey,
  addMigrate,
  addDoctor,
  addHealth,
];

/** Somebody may have typed a secret where none belongs: it is not repeated into a log. */
function withoutValues(text: string): string {
  return text.replace(/(--[a-z][\w-]*)=[^\n]*/gi, '$1=…').replace(/keyturn_\w+/g, '[token]');
}
