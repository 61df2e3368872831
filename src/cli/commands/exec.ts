import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { isWhole, parseOnChange, parseVariable } from '../../config/delivery.ts';
import { parseKeyringName } from '../../core/name.ts';
import { SECOND } from '../../core/time.ts';
import { FLASK_VARIABLES, type OnChange, type Variable } from '../../ports/sidecar.ts';
import { parseInstance, parseName } from '../arguments.ts';
import { parseDuration } from '../durations.ts';
import { EXIT, Failure } from '../failure.ts';
import type { Session } from '../session.ts';
import { examples } from './shared.ts';

interface ExecOptions {
  readonly env?: readonly Variable[];
  readonly keysFile?: string;
  readonly onChange: OnChange;
  readonly grace: number;
  readonly minInterval: number;
  readonly splay: number;
  readonly cache?: string;
  readonly instance?: string;
  readonly oneKeyOnly?: true;
}

const NOTES = `
Values of --env:
  current        the key that signs
  flask          the same, as from_prefixed_env gets it back as a text
  all            a JSON list of every key that verifies; the one that signs is the last (Flask, itsdangerous)
  current-first  the same list; the one that signs is the first (keygrip, Express)

What happens:
  - A rotation restarts the program when the new key is published, when it begins to sign, and when the old one ends: SIGTERM, and SIGKILL
    after --grace. Restarts are spread over --splay and not closer than --min-interval; a revoked key is cut without waiting for either.
  - The service learns that this instance has a new key only when the program has been given it.
  - Signals are handed on. The exit code is the program's.
  - When the lease ends and the service is silent, the program is stopped: exit code 75. Without any keys it is not started: 3, 4 or 5.
  - Other processes of the same user can read the environment of a program; a library or a file (keyturn agent) shows the keys to fewer.
    Neither keys nor tokens are in its arguments, and KEYTURN_TOKEN is taken out of its environment.`;

export function addExec(program: Command, session: Session): void {
  program
    .command('exec')
    .summary('run a program that reads its keys from the environment')
    .description(
      'Run a program with the keys of a keyring in its environment, and restart it when they change. By default FLASK_SECRET_KEY and ' +
        "FLASK_SECRET_KEY_FALLBACKS, as Flask's app.config.from_prefixed_env() reads them.",
    )
    .argument('<name>', 'a keyring', parseName)
    .argument('<command...>', 'the program and its arguments, after --')
    .option('--env <NAME=value>', 'a variable instead of the two of Flask; may be given several times', collectVariable)
    .option('--keys-file <path>', 'keep the keys in this file (JSON, 0600) too; the program finds its path in KEYTURN_KEYS_FILE')
    .addOption(
      new Option('--on-change <what>', 'restart, or signal:SIGHUP for a program that reads --keys-file again')
        .argParser(onChange)
        .default({ kind: 'restart' }, 'restart'),
    )
    .addOption(new Option('--grace <duration>', 'from SIGTERM to SIGKILL').argParser(parseDuration).default(30, '30s'))
    .addOption(new Option('--min-interval <duration>', 'between two restarts').argParser(parseDuration).default(60, '60s'))
    .addOption(
      new Option('--splay <duration>', 'spread restarts over so long, so that a fleet does not restart at once')
        .argParser(parseDuration)
        .default(30, '30s'),
    )
    .option('--cache <path>', 'an encrypted file (0600) that lets it start while the service is down and the lease lasts')
    .option('--instance <id>', 'the name in the view of the fleet (default: host name and process id)', parseInstance)
    .option('--one-key-only', 'accept that every rotation logs everybody out, for a program that takes a single key')
    .addHelpText('after', NOTES)
    .addHelpText(
      'after',
      examples(
        ['keyturn exec web -- flask run'],
        ['keyturn exec web --cache /var/lib/web/keys.cache --grace 60s -- gunicorn app:app'],
        [
          'keyturn exec web --env FLASK_SECRET_KEY=flask --env FLASK_SECRET_KEY_FALLBACKS=all --env FLASK_WTF_CSRF_SECRET_KEY=all -- flask run',
          'Flask-WTF: open forms survive too',
        ],
        ['keyturn exec web --env SESSION_SECRETS=current-first -- node server.js', 'Express'],
        ['keyturn exec web --keys-file /run/web/keys.json --on-change signal:SIGHUP -- ./server', 'no restart'],
      ),
    )
    .action((name: string, command: string[], options: ExecOptions) => exec(session, name, command, options));
}

async function exec(session: Session, name: string, command: readonly string[], options: ExecOptions): Promise<void> {
  const variables = options.env ?? (options.onChange.kind === 'signal' ? [] : FLASK_VARIABLES);
  checkDelivery(variables, options);
  const sidecar = await session.sidecar();
  const exit = await sidecar.exec({
    keyring: parseKeyringName(name),
    command,
    variables,
    keysFile: options.keysFile === undefined ? null : resolve(session.cwd, options.keysFile),
    onChange: options.onChange,
    grace: options.grace * SECOND,
    minInterval: options.minInterval * SECOND,
    splay: options.splay * SECOND,
    cacheFile: options.cache === undefined ? null : resolve(session.cwd, options.cache),
    instance: options.instance ?? null,
  });
  session.endWith(exit);
}

function checkDelivery(variables: readonly Variable[], { keysFile, onChange, oneKeyOnly }: ExecOptions): void {
  if (onChange.kind === 'signal' && (keysFile === undefined || variables.length > 0))
    throw new Failure(
      EXIT.usage,
      'The environment of a running program cannot change: with --on-change signal:… it gets no --env but --keys-file, which it reads again.',
    );
  if (keysFile === undefined && oneKeyOnly !== true && !isWhole(variables.map(({ source }) => source)))
    throw new Failure(
      EXIT.usage,
      'A program that is given one key logs everybody out at each rotation. Give it the list too (--env NAME=all), or accept that with --one-key-only.',
    );
}

function collectVariable(text: string, before: readonly Variable[] = []): Variable[] {
  const variable = parseVariable(text);
  if (variable === null)
    // What was typed is not repeated: it may be a key.
    throw new Failure(EXIT.usage, '--env is NAME=current, NAME=flask, NAME=all or NAME=current-first, with the name of a variable.');
  return [...before.filter(({ name }) => name !== variable.name), variable];
}

function onChange(text: string): OnChange {
  const parsed = parseOnChange(text);
  if (parsed === null) throw new InvalidArgumentError('Write restart, or signal: and a signal such as signal:SIGHUP.');
  return parsed;
}
