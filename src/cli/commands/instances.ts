import type { Command } from 'commander';
import { keyringPath, parseName } from '../arguments.ts';
import { addPageOptions, itemsOf, listing, moreHint, type PageOptions } from '../pages.ts';
import { checked } from '../problem.ts';
import { fleetInWords, holdersTable } from '../render/instances.ts';
import type { Session } from '../session.ts';
import { HolderView, InstancesView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

export function addInstances(program: Command, session: Session): void {
  const command = program
    .command('instances')
    .summary('who holds which keys, and who lags')
    .description(
      'The instances that hold keys: which version, since when, until when without asking again. Says what the next version waits for and, ' +
        'after an emergency rotation or a revocation, who may still use the keys that were cut.',
    )
    .argument('<name>', 'a keyring', parseName);
  addPageOptions(command, 'instances')
    .option('--json', "the service's answer as it is")
    .addHelpText(
      'after',
      examples(
        ['keyturn instances web'],
        ["keyturn instances web --all --json | jq -r '.items[] | select(.lags) | .instance'", 'who lags'],
      ),
    )
    .action((name: string, options: PageOptions & JsonOption) => instances(session, name, options));
}

async function instances(session: Session, name: string, options: PageOptions & JsonOption): Promise<void> {
  const { client, paint, print, note, clock } = session;
  const page = await listing(client, keyringPath(name, '/instances'), options);
  if (options.json === true) return print(`${page.json}\n`);
  const { summary } = checked(InstancesView, JSON.parse(page.json));
  const now = clock.now();
  print(fleetInWords(paint, summary, now));
  if (page.items.length > 0) print(`\n${holdersTable(paint, itemsOf(HolderView, page), now)}`);
  note(moreHint(page));
}
