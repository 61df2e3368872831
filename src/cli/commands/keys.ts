import { type Command, Option } from 'commander';
import { keyringPath, parseInstance, parseName } from '../arguments.ts';
import { durationInWords } from '../durations.ts';
import { readBody } from '../problem.ts';
import { keysAsEnvironment } from '../render/environment.ts';
import { keysTable } from '../render/keys.ts';
import type { Session } from '../session.ts';
import { KeysView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface KeysOptions extends JsonOption {
  readonly reveal?: true;
  readonly env?: true;
  readonly instance: string;
}

export function addKeys(program: Command, session: Session): void {
  program
    .command('keys')
    .summary('what app servers are given; keys only on demand')
    .description(
      'Ask for the keys as an app server does. Prints versions, roles and dates; the keys themselves only with --reveal, --json or --env. ' +
        'The answer counts as a lease, as it does for an app server.',
    )
    .argument('<name>', 'a keyring', parseName)
    .addOption(new Option('--reveal', 'print the keys too').conflicts(['env', 'json']))
    .addOption(
      new Option('--env', 'print FLASK_SECRET_KEY=… and FLASK_SECRET_KEY_FALLBACKS=… as a shell or a .env file reads them').conflicts(
        'json',
      ),
    )
    .option('--instance <id>', 'who asks, for the view of the fleet', parseInstance, 'keyturn-cli')
    .option('--json', "the service's answer as it is, with the keys")
    .addHelpText(
      'after',
      examples(
        ['keyturn keys web'],
        ['keyturn keys web --reveal'],
        ['keyturn keys web --json | jq -r .current.key'],
        ['(umask 077; keyturn keys web --env > .env)', 'for Flask: app.config.from_prefixed_env()'],
      ),
    )
    .action((name: string, options: KeysOptions) => keys(session, name, options));
}

async function keys(session: Session, name: string, options: KeysOptions): Promise<void> {
  const { client, paint, print, note, clock } = session;
  const headers = { 'keyturn-instance': options.instance };
  const answer = await client.send({ method: 'GET', path: keyringPath(name, '/keys'), headers });
  const view = readBody(answer, KeysView);
  if (options.json === true) return print(`${answer.text}\n`);
  if (options.env === true) {
    note(`These keys may be used for ${durationInWords(Math.floor(view.leaseSeconds))}; ask again to learn of rotations.\n`);
    return print(keysAsEnvironment(view));
  }
  print(keysTable(paint, view, clock.now(), options.reveal === true));
  if (options.reveal !== true) note('The keys themselves are printed with --reveal.\n');
}
