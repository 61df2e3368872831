import { type Command, Option } from 'commander';
import { DEFAULT_POLICY, policyFaults } from '../../core/policy.ts';
import { keyringPath, parseCount, parseName } from '../arguments.ts';
import { parseDuration } from '../durations.ts';
import { EXIT, Failure } from '../failure.ts';
import { coming, type Plan } from '../preview.ts';
import { readBody } from '../problem.ts';
import { slotsTable } from '../render/slots.ts';
import type { Session } from '../session.ts';
import { KeyringView } from '../wire.ts';
import { examples, type JsonOption } from './shared.ts';

interface PreviewOptions extends JsonOption {
  readonly cron?: string;
  readonly timeZone?: string;
  readonly lease?: number;
  readonly tokenLifetime?: number;
  readonly count: number;
}

export function addSchedule(program: Command, session: Session): void {
  const schedule = program.command('schedule').summary('look at schedules').description('Look at schedules.');
  schedule
    .command('preview')
    .summary('the next five slots')
    .description(
      'The next slots of a schedule: when each rotation publishes its key, when that key signs, and until when the key it replaces ' +
        'verifies. Of a keyring, or of --cron without asking the service.',
    )
    .argument('[name]', 'a keyring', parseName)
    .option('--cron <expression>', 'minute hour day month weekday')
    .addOption(new Option('--time-zone <zone>', 'the time zone of --cron (default: UTC)'))
    .option('--lease <duration>', 'with --cron: how long an instance may go on unheard (default: 1 day)', parseDuration)
    .option('--token-lifetime <duration>', 'with --cron: the longest life of a token (default: 31 days)', parseDuration)
    .option('--count <count>', 'how many slots', parseCount, 5)
    .option('--json', 'the slots as JSON')
    .addHelpText(
      'after',
      examples(['keyturn schedule preview web'], ['keyturn schedule preview --cron "30 2 * * SUN" --time-zone America/New_York']),
    )
    .action((name: string | undefined, options: PreviewOptions) => preview(session, name, options));
}

async function preview(session: Session, name: string | undefined, options: PreviewOptions): Promise<void> {
  const now = session.clock.now();
  const plan = name === undefined ? planFrom(options, now) : await planOf(session, name, options);
  const slots = coming(plan, now, Math.min(options.count, 1_000));
  if (options.json === true) session.print(`${JSON.stringify({ schedule: plan.policy.schedule, slots })}\n`);
  else session.print(slotsTable(session.paint, plan.policy.schedule, slots, now));
}

async function planOf({ client }: Session, name: string, options: PreviewOptions): Promise<Plan> {
  if ((options.cron ?? options.timeZone ?? options.lease ?? options.tokenLifetime) !== undefined) {
    throw new Failure(EXIT.usage, 'Give the name of a keyring or --cron, not both.');
  }
  const { policy, nextRotationAt } = readBody(await client.send({ method: 'GET', path: keyringPath(name) }), KeyringView);
  if (policy.schedule !== null && nextRotationAt !== null) {
    return { policy: { ...policy, schedule: policy.schedule }, firstSlot: Date.parse(nextRotationAt) };
  }
  throw new Failure(EXIT.refused, `Keyring ${name} has no slot to come: it is rotated on request only, or it is deleted.`);
}

function planFrom({ cron, timeZone = 'UTC', lease, tokenLifetime }: PreviewOptions, now: number): Plan {
  if (cron === undefined) throw new Failure(EXIT.usage, 'Give the name of a keyring, or --cron with an expression such as "0 3 1 * *".');
  const policy = {
    ...DEFAULT_POLICY,
    schedule: { cron, timeZone },
    leaseSeconds: lease ?? DEFAULT_POLICY.leaseSeconds,
    refreshSeconds: Math.min(DEFAULT_POLICY.refreshSeconds, Math.floor((lease ?? DEFAULT_POLICY.leaseSeconds) / 2)),
    tokenLifetimeSeconds: tokenLifetime ?? DEFAULT_POLICY.tokenLifetimeSeconds,
  };
  const faults = policyFaults(policy, now);
  if (faults.length === 0) return { policy, firstSlot: null };
  throw new Failure(EXIT.usage, 'No keyring can have this schedule:', { code: 'invalid_policy', faults });
}
