import { type Command, Option } from 'commander';
import { DEFAULT_POLICY, type Policy } from '../core/policy.ts';
import type { Schedule } from '../core/schedule.ts';
import { parseCount } from './arguments.ts';
import { durationInWords, parseDuration } from './durations.ts';

export interface PolicyOptions {
  readonly cron?: string;
  readonly timeZone?: string;
  /** False with `--no-schedule`. */
  readonly schedule: boolean;
  readonly tokenLifetime?: number;
  readonly lease?: number;
  readonly refresh?: number;
  readonly skew?: number;
  readonly keyBytes?: number;
  readonly keyEncoding?: 'hex' | 'base64url';
}

/** @param defaults whether the help tells the values that hold where an option is left out */
export function addPolicyOptions(command: Command, defaults: boolean): Command {
  const by = (value: string) => (defaults ? ` (default: ${value})` : '');
  const seconds = (value: number) => by(durationInWords(value));
  const { schedule, ...rest } = DEFAULT_POLICY;
  return command
    .option('--cron <expression>', `when rotations begin: minute hour day month weekday${by(`"${schedule?.cron}"`)}`)
    .option('--time-zone <zone>', `the time zone of --cron, such as Europe/Berlin${by('UTC')}`)
    .addOption(new Option('--no-schedule', 'rotate on request only').conflicts(['cron', 'timeZone']))
    .option('--token-lifetime <duration>', `the longest life of anything the key signs${seconds(rest.tokenLifetimeSeconds)}`, parseDuration)
    .option('--lease <duration>', `how long an instance may go on unheard${seconds(rest.leaseSeconds)}`, parseDuration)
    .option('--refresh <duration>', `how often an instance asks${seconds(rest.refreshSeconds)}`, parseDuration)
    .option('--skew <duration>', `allowance for clocks that disagree${seconds(rest.skewSeconds)}`, parseDuration)
    .option('--key-bytes <count>', `random bytes in a new key${by(String(rest.keyBytes))}`, parseCount)
    .addOption(new Option('--key-encoding <encoding>', `how a new key is written${by(rest.keyEncoding)}`).choices(['hex', 'base64url']));
}

/**
 * The fields that were given, for the service to judge; undefined where none was.
 * @param present what a time zone or a cron expression given alone is completed with
 */
export function policyFrom(options: PolicyOptions, present: Schedule | null = DEFAULT_POLICY.schedule): Partial<Policy> | undefined {
  const fields = Object.entries({
    schedule: scheduleFrom(options, present),
    tokenLifetimeSeconds: options.tokenLifetime,
    leaseSeconds: options.lease,
    refreshSeconds: options.refresh,
    skewSeconds: options.skew,
    keyBytes: options.keyBytes,
    keyEncoding: options.keyEncoding,
  }).filter(([, value]) => value !== undefined);
  return fields.length === 0 ? undefined : Object.fromEntries(fields);
}

function scheduleFrom({ schedule, cron, timeZone }: PolicyOptions, present: Schedule | null): Partial<Schedule> | null | undefined {
  if (!schedule) return null;
  if (cron === undefined && timeZone === undefined) return undefined;
  return { ...present, ...(cron === undefined ? {} : { cron }), ...(timeZone === undefined ? {} : { timeZone }) };
}
