import type { Command } from 'commander';
import { parseInstance, parseName } from '../arguments.ts';
import { addPageOptions, itemsOf, listing, moreHint, type PageOptions } from '../pages.ts';
import { auditTable } from '../render/audit.ts';
import type { Session } from '../session.ts';
import { AuditRecord } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface Filters {
  readonly action?: string;
  readonly outcome?: string;
  readonly keyring?: string;
  readonly principal?: string;
  readonly instance?: string;
  readonly since?: string;
  readonly until?: string;
}

interface ListOptions extends PageOptions, JsonOption, Filters {
  readonly oldest?: true;
}

export function addAuditList(audit: Command, session: Session): void {
  const command = audit
    .command('list')
    .summary('who did what, and what was refused')
    .description('Records of the audit log, newest first.');
  addPageOptions(command, 'records')
    .option('--oldest', 'oldest first')
    .option('--action <action>', 'only this action, such as keys.read or keyring.rotate')
    .option('--outcome <outcome>', 'only done, unchanged, refused or failed')
    .option('--keyring <name>', 'only this keyring', parseName)
    .option('--principal <id>', 'only this principal, such as token:4Zk1x0QmB7aT')
    .option('--instance <id>', 'only this instance', parseInstance)
    .option('--since <instant>', 'from this instant on, such as 2026-11-24T03:00:00Z')
    .option('--until <instant>', 'before this instant')
    .option('--json', "the service's answer as it is")
    .addHelpText(
      'after',
      examples(['keyturn audit list --outcome refused'], ['keyturn audit list --keyring web --since 2026-11-01T00:00:00Z --all --json']),
    )
    .action((options: ListOptions) => list(session, options));
}

async function list({ client, paint, print, note }: Session, options: ListOptions): Promise<void> {
  const { action, outcome, keyring, principal, instance, since, until, oldest, json, ...pages } = options;
  const order = oldest === true ? 'oldest' : undefined;
  const page = await listing(client, '/v1/audit', pages, { action, outcome, keyring, principal, instance, since, until, order });
  if (json === true) return print(`${page.json}\n`);
  print(auditTable(paint, itemsOf(AuditRecord, page)));
  note(moreHint(page));
}
