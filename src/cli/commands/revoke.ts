import type { Command } from 'commander';
import { keyringPath, parseCount, parseName } from '../arguments.ts';
import { readBody } from '../problem.ts';
import { plain } from '../render/plain.ts';
import { addRequestKey, type RequestKeyOption, requestKeyFor } from '../request-key.ts';
import type { Session } from '../session.ts';
import { RevocationView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface RevokeOptions extends RequestKeyOption, JsonOption {
  readonly reason: string;
}

export function addRevoke(program: Command, session: Session): void {
  const command = program
    .command('revoke')
    .summary('cut one version now')
    .description('Cut one version now: whatever it signed is rejected from here on, and its key is destroyed. It cannot be undone.')
    .argument('<name>', 'a keyring', parseName)
    .argument('<version>', 'the number of the version', parseCount)
    .requiredOption('--reason <text>', 'why, for the history');
  addRequestKey(command)
    .option('--json', "the service's answer as it is")
    .addHelpText('after', examples(['keyturn revoke web 3 --reason "laptop with a copy was lost"']))
    .action((name: string, version: number, options: RevokeOptions) => revoke(session, name, version, options));
}

async function revoke(session: Session, name: string, version: number, options: RevokeOptions): Promise<void> {
  const answer = await session.client.send({
    method: 'POST',
    path: keyringPath(name, `/versions/${version}/revoke`),
    body: { reason: options.reason },
    requestKey: requestKeyFor(options, session),
  });
  if (options.json === true) return session.print(`${answer.text}\n`);
  const view = readBody(answer, RevocationView);
  const next = view.next === null ? '' : `, and version ${view.next} is published to follow it`;
  session.print(
    `${session.paint('yellow', `Version ${view.revoked} of keyring ${plain(view.name)} is revoked.`)} Version ${view.current} signs${next}.\n`,
  );
}
