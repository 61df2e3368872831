import type { Command } from 'commander';
import { parseRequestKey } from './arguments.ts';
import type { Session } from './session.ts';

export interface RequestKeyOption {
  readonly idempotencyKey?: string;
}

export function addRequestKey(command: Command): Command {
  return command.option(
    '--idempotency-key <key>',
    'repeat an earlier request without doing it twice (default: a fresh key)',
    parseRequestKey,
  );
}

/** The key under which the service remembers this request, so that this program's own repetitions do nothing twice. */
export function requestKeyFor({ idempotencyKey }: RequestKeyOption, { random }: Session): string {
  return idempotencyKey ?? random.bytes(16).toString('hex');
}
