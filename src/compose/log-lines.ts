import type { Logger } from 'pino';
import type { Declared } from '../app/declared-keyrings.ts';
import type { SweepOutcome } from '../app/sweep.ts';
import type { Settings } from '../config/settings.ts';
import { codeOf } from '../core/errors.ts';
import { leastSkewOn } from '../core/review/least-skew.ts';
import { type Millis, SECOND, toIso } from '../core/time.ts';

const SLOW_SWEEP: Millis = 5 * SECOND;

/** One line for each outcome of a sweep. */
export function logSweep(logger: Logger, outcome: SweepOutcome): void {
  const { name: keyring } = outcome;
  switch (outcome.outcome) {
    case 'rotated': {
      const { version, missedSlots, slot, activatesAt } = outcome;
      logger.info({ keyring, version, missedSlots, slot: toIso(slot), activatesAt: toIso(activatesAt) }, 'rotation published');
      break;
    }
    case 'advanced': {
      const { version, holders, activatesAt, planned } = outcome;
      logger.info({ keyring, version, holders, activatesAt: toIso(activatesAt), planned: toIso(planned) }, 'activation brought forward');
      break;
    }
    case 'destroyed':
      logger.info({ keyring, versions: outcome.versions }, 'material destroyed');
      break;
    case 'purged':
      logger.info({ keyring }, 'keyring purged');
      break;
    case 'failed': {
      const { code, attempts, retryAt, error } = outcome;
      logger.error({ keyring, code, attempts, retryAt: toIso(retryAt), err: error }, 'keyring failed in sweep');
    }
  }
}

export function logSweepFailure(logger: Logger, error: unknown): void {
  logger.error({ code: codeOf(error), err: error }, 'sweep failed');
}

export function logSlowSweep(logger: Logger, took: Millis): void {
  if (took > SLOW_SWEEP) logger.warn({ took }, 'sweep was slow');
}

/** Of new keyrings and of declared ones; `keyturn doctor` looks at the others too. */
export function logShortSkew(logger: Logger, storeKind: string, { defaults, keyrings }: Pick<Settings, 'defaults' | 'keyrings'>): void {
  const least = leastSkewOn(storeKind);
  const skew = Math.min(...[defaults, ...keyrings.map(({ policy }) => policy)].map(({ skewSeconds }) => skewSeconds));
  if (skew < least) logger.warn({ store: storeKind, skew, least }, 'skewSeconds is short for this store');
}

export function logDeclared(logger: Logger, declared: readonly Declared[]): void {
  for (const { name: keyring, ...rest } of declared) {
    if (rest.outcome === 'created') logger.info({ keyring }, 'declared keyring created');
    if (rest.outcome === 'differs')
      logger.warn({ keyring, fields: rest.fields }, 'declared keyring differs from the stored one, which stays');
  }
}
