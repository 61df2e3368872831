import { type Command, Option } from 'commander';
import { keyringPath, parseName } from '../arguments.ts';
import { csvPages } from '../csv.ts';
import { addPageOptions, itemsOf, listing, moreHint, type PageOptions } from '../pages.ts';
import { historyTable } from '../render/history.ts';
import type { Session } from '../session.ts';
import { HistoryItem } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface HistoryOptions extends PageOptions, JsonOption {
  readonly csv?: true;
}

export function addHistory(program: Command, session: Session): void {
  const command = program
    .command('history')
    .summary('who rotated what, when and why')
    .description("Every version's whole life, newest first: who, why, when, how its key was made.")
    .argument('<name>', 'a keyring, deleted or not', parseName);
  addPageOptions(command, 'versions')
    .addOption(new Option('--csv', 'as CSV').conflicts('json'))
    .option('--json', "the service's answer as it is")
    .addHelpText('after', examples(['keyturn history web'], ['keyturn history web --csv --all > web.csv', 'for an auditor']))
    .action((name: string, options: HistoryOptions) => history(session, name, options));
}

async function history(session: Session, name: string, options: HistoryOptions): Promise<void> {
  const { client, paint, print, note } = session;
  const path = keyringPath(name, '/history');
  if (options.csv === true) {
    for await (const text of csvPages(client, path, options)) print(text);
    return;
  }
  const page = await listing(client, path, options);
  if (options.json === true) return print(`${page.json}\n`);
  print(historyTable(paint, itemsOf(HistoryItem, page)));
  note(moreHint(page));
}
