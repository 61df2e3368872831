import { type Command, Option } from 'commander';
import { ROLES } from '../../ports/authenticator.ts';
import { collect } from '../arguments.ts';
import { parseDuration } from '../durations.ts';
import { fillPrivateFile, releasePrivateFile, reservePrivateFile } from '../private-file.ts';
import { readBody } from '../problem.ts';
import { tokenFacts } from '../render/tokens.ts';
import type { Session } from '../session.ts';
import { IssuedToken } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface NewOptions extends JsonOption {
  readonly role: readonly string[];
  readonly keyring?: readonly string[];
  readonly expires?: number;
  readonly out?: string;
}

export function addTokenNew(token: Command, session: Session): void {
  token
    .command('new')
    .summary('issue a token')
    .description('Issue a token. It is shown once; the service keeps only its hash.')
    .argument('<name>', 'who will use it, for lists and histories')
    .addOption(new Option('--role <role...>', 'what it may do').choices(ROLES).makeOptionMandatory())
    .option('--keyring <glob>', 'the keyrings it may touch; may be given several times (default: "*")', collect)
    .option('--expires <duration>', 'how long it is good (default: until revoked)', parseDuration)
    .addOption(new Option('--out <path>', 'write the token to a new file that only you can read, and do not show it').conflicts('json'))
    .option('--json', "the service's answer as it is, with the token")
    .addHelpText(
      'after',
      examples(
        ['keyturn token new web-servers --role app --keyring web --out web.token'],
        ["keyturn token new ci --role operator --keyring 'team-a-*' --expires 90d"],
        ['keyturn token new auditors --role auditor'],
      ),
    )
    .action((name: string, options: NewOptions) => issue(session, name, options));
}

async function issue(session: Session, name: string, options: NewOptions): Promise<void> {
  const { client, paint, print, note } = session;
  if (options.out !== undefined) await reservePrivateFile(options.out);
  const body = { name, roles: options.role, keyrings: options.keyring, expiresInSeconds: options.expires };
  const answer = await client.send({ method: 'POST', path: '/v1/tokens', body }).catch(async (error: unknown) => {
    if (options.out !== undefined) await releasePrivateFile(options.out);
    throw error;
  });
  if (options.json === true) return print(`${answer.text}\n`);
  const issued = readBody(answer, IssuedToken);
  print(tokenFacts(paint, issued));
  if (options.out === undefined) {
    note('\nThe token, shown this once:\n');
    return print(`${issued.token}\n`);
  }
  await fillPrivateFile(options.out, issued.token);
  note(`\nThe token is in ${options.out}, which only you can read.\n`);
}
