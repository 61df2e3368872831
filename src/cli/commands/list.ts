import type { Command } from 'commander';
import { addPageOptions, itemsOf, listing, moreHint, type PageOptions } from '../pages.ts';
import { keyringsTable } from '../render/keyring.ts';
import type { Session } from '../session.ts';
import { KeyringView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

export function addList(program: Command, session: Session): void {
  const command = program.command('list').summary('list keyrings').description('List the keyrings that your token may touch.');
  addPageOptions(command, 'keyrings')
    .option('--json', "the service's answer as it is")
    .addHelpText('after', examples(['keyturn list'], ["keyturn list --all --json | jq -r '.items[].name'"]))
    .action((options: PageOptions & JsonOption) => list(session, options));
}

async function list(session: Session, options: PageOptions & JsonOption): Promise<void> {
  const { client, paint, print, note, clock } = session;
  const page = await listing(client, '/v1/keyrings', options);
  if (options.json === true) return print(`${page.json}\n`);
  if (page.items.length === 0) return note('There is no keyring that your token may touch. Make one: npx keyturn create web\n');
  print(keyringsTable(paint, itemsOf(KeyringView, page), clock.now()));
  note(moreHint(page));
}
