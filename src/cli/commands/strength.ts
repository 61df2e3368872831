import type { Command } from 'commander';
import { EXIT, Failure } from '../failure.ts';
import { secretFromStdin } from '../input.ts';
import { readBody } from '../problem.ts';
import { judgementInWords } from '../render/judgement.ts';
import type { Session } from '../session.ts';
import { Judgement } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

export function addStrength(program: Command, session: Session): void {
  program
    .command('strength')
    .summary('judge a key that is never stored')
    .description('Judge the key on standard input; the service does not store it. Exits with 1 where it may not be used.')
    .option('--json', "the service's answer as it is")
    .addHelpText('after', examples(['keyturn strength < ./secret_key'], ['openssl rand -hex 32 | keyturn strength']))
    .action((options: JsonOption) => strength(session, options));
}

async function strength(session: Session, { json }: JsonOption): Promise<void> {
  const key = await secretFromStdin(session, 'key');
  const answer = await session.client.send({ method: 'POST', path: '/v1/strength', body: { key: key.reveal() }, repeatable: true });
  const judgement = readBody(answer, Judgement);
  if (json === true) session.print(`${answer.text}\n`);
  else session.print(judgementInWords(session.paint, judgement));
  if (!judgement.acceptable) throw new Failure(EXIT.refused, 'This key may not be used. Make one with: openssl rand -hex 32');
}
