import type { Command } from 'commander';
import type { Session } from '../session.ts';
import { examples } from './shared.ts';

export function addAuditCheckpoint(audit: Command, session: Session): void {
  audit
    .command('checkpoint')
    .summary('sign the head of the log')
    .description(
      'Print a signed statement about the last record, as JSON. Keep it where whoever runs the service cannot reach it: with it, verify finds ' +
        'whatever is changed or cut off afterwards.',
    )
    .addHelpText('after', examples(['keyturn audit checkpoint > checkpoint.json']))
    .action(async () => {
      const { text } = await session.client.send({ method: 'GET', path: '/v1/audit/checkpoint' });
      session.print(`${text}\n`);
    });
}
