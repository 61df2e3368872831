import { type Command, Option } from 'commander';
import type { MigrateOutcome } from '../../ports/at-machine.ts';
import { EXIT, Failure } from '../failure.ts';
import { plain } from '../render/plain.ts';
import type { Session } from '../session.ts';
import { examples, type JsonOption } from './shared.ts';

interface MigrateOptions extends JsonOption {
  readonly from: string;
  readonly to?: string;
  readonly callOff?: true;
}

const EVERY = 1_000;

export function addMigrate(program: Command, session: Session): void {
  program
    .command('migrate')
    .summary('move everything to another store')
    .description(
      'Move all keyrings, keys and tokens to another store, which has to be empty. Stop the services of the old one first; those on PostgreSQL may ' +
        'run on. Everything is copied and compared, then the old store is given up and the new one complete; no service starts on ' +
        'either before that. Interrupted, it goes on where it was when run again. The stores are named by two config files, and KEYTURN_ ' +
        'variables are not looked at. Applications live on their leases meanwhile.',
    )
    .requiredOption('--from <path>', 'the config file of the old store')
    .option('--to <path>', 'the config file of the new store')
    .addOption(new Option('--call-off', 'give up a move that is not finished, and let the old store serve again').conflicts('to'))
    .option('--json', 'the outcome as JSON')
    .addHelpText(
      'after',
      examples(
        ['keyturn migrate --from keyturn.yaml --to keyturn-postgres.yaml'],
        ['keyturn migrate --call-off --from keyturn.yaml', 'the old store is to serve again'],
      ),
    )
    .action((options: MigrateOptions) => (options.callOff === true ? callOff(session, options) : migrate(session, options)));
}

async function migrate({ atMachine, print, note, paint }: Session, { from, to, json }: MigrateOptions): Promise<void> {
  if (to === undefined) throw new Failure(EXIT.usage, 'Name the config file of the new store: --to.');
  const machine = await atMachine();
  let told = 0;
  const outcome = await machine.migrate({ from, to }, (copied) => {
    if (copied - told < EVERY) return;
    told = copied;
    note(`${copied} keyrings copied\n`);
  });
  if (json === true) return print(`${JSON.stringify(outcome)}\n`);
  print(`${paint('green', inWords(outcome))}\n${hints(outcome, to)}`);
}

async function callOff({ atMachine, print }: Session, { from, json }: MigrateOptions): Promise<void> {
  const place = await (await atMachine()).callOffMigration(from);
  if (json === true) return print(`${JSON.stringify({ calledOff: place })}\n`);
  print(`The move is called off: ${plain(place)} may be served from again. What was copied stays where it is, and is never served.\n`);
}

function inWords({ moved, to }: MigrateOutcome): string {
  if (moved === null) return `Everything was moved to ${plain(to)} before; nothing was done.`;
  return `${moved.keyrings} keyrings, ${moved.keys} keys and ${moved.tokens} tokens are in ${plain(to)}, the same as they were.`;
}

function hints({ from }: MigrateOutcome, to: string): string {
  return (
    `Start the service with it: KEYTURN_CONFIG=${plain(to)} keyturn serve. Tokens are what they were; admin.token stays where it is.\n` +
    `No service starts on ${plain(from)} any more; keep it while you need its audit log, then destroy it: it still holds the keys.\n`
  );
}
