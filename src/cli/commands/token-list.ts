import type { Command } from 'commander';
import { addPageOptions, itemsOf, listing, moreHint, type PageOptions } from '../pages.ts';
import { tokensTable } from '../render/tokens.ts';
import type { Session } from '../session.ts';
import { TokenView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

export function addTokenList(token: Command, session: Session): void {
  const command = token
    .command('list')
    .summary('list tokens')
    .description('List the tokens, without their text: who may do what until when.');
  addPageOptions(command, 'tokens')
    .option('--json', "the service's answer as it is")
    .addHelpText('after', examples(['keyturn token list'], ['keyturn token list --all --json']))
    .action((options: PageOptions & JsonOption) => list(session, options));
}

async function list({ client, paint, print, note, clock }: Session, options: PageOptions & JsonOption): Promise<void> {
  const page = await listing(client, '/v1/tokens', options);
  if (options.json === true) return print(`${page.json}\n`);
  print(tokensTable(paint, itemsOf(TokenView, page), clock.now()));
  note(moreHint(page));
}
