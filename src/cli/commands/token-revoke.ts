import type { Command } from 'commander';
import { parseTokenId } from '../arguments.ts';
import { readBody } from '../problem.ts';
import { plain } from '../render/plain.ts';
import type { Session } from '../session.ts';
import { TokenView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface RevokeOptions extends JsonOption {
  readonly reason?: string;
}

export function addTokenRevoke(token: Command, session: Session): void {
  token
    .command('revoke')
    .summary('end a token now')
    .description('End a token now. It cannot be undone; issue a new one instead.')
    .argument('<id>', 'the id in the list, not the token itself', parseTokenId)
    .option('--reason <text>', 'why')
    .option('--json', "the service's answer as it is")
    .addHelpText('after', examples(['keyturn token revoke 4fQ0aB81xYzK --reason "left the team"']))
    .action((id: string, options: RevokeOptions) => revoke(session, id, options));
}

async function revoke({ client, paint, print }: Session, id: string, { reason, json }: RevokeOptions): Promise<void> {
  const answer = await client.send({ method: 'DELETE', path: `/v1/tokens/${encodeURIComponent(id)}`, query: { reason } });
  if (json === true) return print(`${answer.text}\n`);
  const view = readBody(answer, TokenView);
  print(`${paint('yellow', `Token ${plain(view.id)} (${plain(view.name)}) is revoked.`)}\n`);
}
