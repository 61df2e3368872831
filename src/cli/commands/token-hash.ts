import type { Command } from 'commander';
import { mintToken, parseToken } from '../../access/token-format.ts';
import { EXIT, Failure } from '../failure.ts';
import { secretFromStdin } from '../input.ts';
import { fillPrivateFile, reservePrivateFile } from '../private-file.ts';
import { facts } from '../render/table.ts';
import type { Session } from '../session.ts';
import { examples, type JsonOption } from './shared.ts';

interface HashOptions extends JsonOption {
  readonly new?: string;
}

export function addTokenHash(token: Command, session: Session): void {
  token
    .command('hash')
    .summary('the hash of a token, for the config file')
    .description('The id and the hash under which the config file declares a token. Reads the token from standard input; asks no service.')
    .option('--new <path>', 'make a token instead, in a new file that only you can read')
    .option('--json', 'as JSON')
    .addHelpText('after', examples(['keyturn token hash < web.token'], ['keyturn token hash --new web.token']))
    .action((options: HashOptions) => hash(session, options));
}

async function hash(session: Session, options: HashOptions): Promise<void> {
  const { id, hash } =
    options.new !== undefined ? await fresh(session, options.new) : presented((await secretFromStdin(session, 'token')).reveal());
  if (options.json === true) session.print(`${JSON.stringify({ id, hash })}\n`);
  else
    session.print(
      facts(session.paint, [
        ['id', id],
        ['hash', hash],
      ]),
    );
}

async function fresh({ random }: Session, path: string): Promise<{ id: string; hash: string }> {
  await reservePrivateFile(path);
  const { id, hash, text } = mintToken(random);
  await fillPrivateFile(path, text.reveal());
  return { id, hash };
}

function presented(text: string): { id: string; hash: string } {
  const token = parseToken(text.trim());
  if (token !== null) return { id: token.id, hash: token.digest.toString('hex') };
  throw new Failure(EXIT.usage, 'Standard input holds no token, or a truncated one. A token begins with keyturn_ and has 71 characters.');
}
