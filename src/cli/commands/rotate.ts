import { type Command, Option } from 'commander';
import { ROTATION_KINDS, type RotationKind } from '../../core/transitions/rotate.ts';
import { keyringPath, parseName } from '../arguments.ts';
import { readBody } from '../problem.ts';
import { instantFrom } from '../render/instants.ts';
import { plain } from '../render/plain.ts';
import { addRequestKey, type RequestKeyOption, requestKeyFor } from '../request-key.ts';
import type { Session } from '../session.ts';
import { RotationView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface RotateOptions extends RequestKeyOption, JsonOption {
  readonly reason: string;
  readonly kind: RotationKind;
}

export function addRotate(program: Command, session: Session): void {
  const command = program
    .command('rotate')
    .summary('begin a rotation')
    .description(
      'Begin a rotation. scheduled: the new key is published now and signs once every instance holds it; nobody notices. immediate: it ' +
        'signs now; instances that have not refreshed reject new tokens until they do. emergency: it signs now and every earlier key is ' +
        'revoked; everybody is logged out.',
    )
    .argument('<name>', 'a keyring', parseName)
    .requiredOption('--reason <text>', 'why, for the history')
    .addOption(new Option('--kind <kind>', 'how').choices(ROTATION_KINDS).default('scheduled'));
  addRequestKey(command)
    .option('--json', "the service's answer as it is")
    .addHelpText(
      'after',
      examples(
        ['keyturn rotate web --reason "quarterly rotation"'],
        ['keyturn rotate web --kind immediate --reason "before the audit"'],
        ['keyturn rotate web --kind emergency --reason "key found in a log"', 'logs everybody out'],
      ),
    )
    .action((name: string, options: RotateOptions) => rotate(session, name, options));
}

async function rotate(session: Session, name: string, options: RotateOptions): Promise<void> {
  const { kind, reason, json } = options;
  const requestKey = requestKeyFor(options, session);
  const answer = await session.client.send({ method: 'POST', path: keyringPath(name, '/rotate'), body: { kind, reason }, requestKey });
  if (json === true) session.print(`${answer.text}\n`);
  else session.print(rotated(session, kind, readBody(answer, RotationView)));
}

function rotated({ paint, clock }: Session, kind: RotationKind, view: RotationView): string {
  const name = plain(view.name);
  const replayed = view.replayed ? 'This request was carried out before; nothing new was done.\n' : '';
  const command = `\nSee it:\n  ${paint('bold', `npx keyturn show ${name}`)}\n`;
  return `${replayed}${paint('green', `Version ${view.version} of keyring ${name}`)} ${effect(kind, view, clock.now())}\n${command}`;
}

function effect(kind: RotationKind, { activatesAt }: RotationView, now: number): string {
  if (kind === 'emergency') return 'signs now. Every earlier version is revoked: whoever was logged in must log in again.';
  const before = 'The version before it goes on verifying, so nobody is logged out.';
  if (kind === 'immediate') return `signs now. ${before}\nInstances that have not refreshed reject new tokens until they do.`;
  if (Date.parse(activatesAt) <= now) return `signs now. ${before}`;
  return `is published and signs from ${instantFrom(activatesAt, now)}.\nUntil then the present version signs; both verify, so nobody is logged out.`;
}
