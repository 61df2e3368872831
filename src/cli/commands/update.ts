import type { Command } from 'commander';
import { keyringPath, parseName } from '../arguments.ts';
import { EXIT, Failure } from '../failure.ts';
import { addPolicyOptions, type PolicyOptions, policyFrom } from '../policy-options.ts';
import { readBody } from '../problem.ts';
import { policyInWords } from '../render/keyring.ts';
import { plain } from '../render/plain.ts';
import type { Session } from '../session.ts';
import { KeyringView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface UpdateOptions extends PolicyOptions, JsonOption {
  readonly reason?: string;
}

export function addUpdate(program: Command, session: Session): void {
  const command = program
    .command('update')
    .summary("change a keyring's policy")
    .description(
      'Change the policy of a keyring. What is not named stays. Leases and tokens given out under the old policy are waited for.',
    )
    .argument('<name>', 'a keyring', parseName);
  addPolicyOptions(command, false)
    .option('--reason <text>', 'why, for the history')
    .option('--json', "the service's answer as it is")
    .addHelpText('after', examples(['keyturn update web --lease 1h --reason "faster rotations"'], ['keyturn update web --no-schedule']))
    .action((name: string, options: UpdateOptions) => update(session, name, options));
}

/** Reads first: the change is refused if somebody else changes the keyring in between. */
async function update(session: Session, name: string, options: UpdateOptions): Promise<void> {
  const { client, paint, print, clock } = session;
  if (policyFrom(options) === undefined)
    throw new Failure(EXIT.usage, 'Name what to change, such as --lease 1h. See: keyturn update --help');
  const before = await client.send({ method: 'GET', path: keyringPath(name) });
  const policy = policyFrom(options, readBody(before, KeyringView).policy.schedule);
  const headers = { 'if-match': before.headers.etag ?? '' };
  const answer = await client.send({ method: 'PATCH', path: keyringPath(name), headers, body: { policy, reason: options.reason } });
  if (options.json === true) return print(`${answer.text}\n`);
  const view = readBody(answer, KeyringView);
  print(`${paint('green', `The policy of keyring ${plain(view.name)} is changed.`)}\n\n${policyInWords(paint, view, clock.now())}`);
}
