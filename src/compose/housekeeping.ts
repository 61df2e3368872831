import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { TokenAuthenticator } from '../access/token-authenticator.ts';
import { destroyOrphans } from '../app/orphans.ts';
import { codeOf } from '../core/errors.ts';
import { HOUR, MINUTE, SECOND } from '../core/time.ts';
import type { TlsReloader } from '../http/tls.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { Notices, Store } from '../ports/store.ts';
import { repeat } from '../scheduler/repeat.ts';
import type { Audit } from './audit.ts';
import type { KeptRegistry } from './lease-registry.ts';
import type { LogWitness } from './log-witness.ts';
import { onceAMinute } from './once-a-minute.ts';

export interface House {
  readonly store: Store;
  /** Proves the copies of keyrings and the table of tokens true. */
  readonly validate: () => Promise<void>;
  readonly notices: Notices | undefined;
  readonly authenticator: TokenAuthenticator;
  readonly audit: Pick<Audit, 'tellRefusals' | 'recordForgotten' | 'moveSpool'>;
  /** Null where the log is no database of others. */
  readonly witness: LogWitness | null;
  readonly leases: KeptRegistry;
  readonly tls: TlsReloader | null;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly logger: Logger;
}

/** How long a writer may take between storing a key and its swap before its key counts as an orphan. */
const ORPHAN_AGE = 10 * MINUTE;
const RECORDS_EVERY = 10 * MINUTE;

/** What the service does beside answering and sweeping. @returns ends it */
export function keepHouse(house: House): () => Promise<void> {
  const { store, validate, notices, authenticator, audit, witness, leases, tls, clock, timers, logger } = house;
  const failed = (task: string) =>
    onceAMinute(clock, (error) => logger.warn({ task, code: codeOf(error), err: error }, 'housekeeping failed'));
  const orphans = async (before: number): Promise<void> => {
    const destroyed = await destroyOrphans(store, before, nextTurn);
    if (destroyed > 0) logger.info({ destroyed }, 'orphaned material destroyed');
  };
  // The embedded store has one writer, this process: what was stored before its start and is not referred to was left by a crash.
  const first = orphans(store.kind === 'sqlite' ? clock.now() : clock.now() - ORPHAN_AGE).catch(failed('orphans'));
  const invalid = failed('validate');
  const unwatch = notices?.watch(() => void validate().catch(invalid));
  const ends = [
    repeat(timers, SECOND, validate, invalid),
    repeat(timers, SECOND, () => audit.moveSpool(), failed('spool')),
    repeat(timers, MINUTE, () => authenticator.flushUses(), failed('last uses')),
    repeat(timers, MINUTE, () => audit.tellRefusals(), failed('refusals')),
    repeat(timers, MINUTE, async () => leases.beat(), failed('leases alive')),
    repeat(timers, MINUTE, async () => witness?.look(), failed('log seen')),
    repeat(timers, HOUR, async () => leases.tidy(), failed('ended leases')),
    repeat(timers, HOUR, () => orphans(clock.now() - ORPHAN_AGE), failed('orphans')),
  ];
  // A replica that died between a change and its record may be back within the minute that a start leaves to others (compose/audit.ts), or never.
  if (store.kind === 'postgres') ends.push(repeat(timers, RECORDS_EVERY, () => audit.recordForgotten(store), failed('records')));
  if (tls !== null) ends.push(repeat(timers, 10 * SECOND, async () => reloadTls(tls, logger), failed('tls')));
  return async () => {
    unwatch?.();
    await Promise.all([first, ...ends.map((end) => end())]);
  };
}

function reloadTls(tls: TlsReloader, logger: Logger): void {
  if (tls.look()) logger.info('tls certificate reloaded');
}
