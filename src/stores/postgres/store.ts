import type { Secret } from '../../core/secret.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { ChangeFeed, DueIndex, FingerprintIndex, Publisher, Store } from '../../ports/store.ts';
import type { MasterKey } from '../sealing.ts';
import type { Connections } from './connections.ts';
import { documentsIn } from './documents.ts';
import { materialIn } from './material.ts';
import type { Notices } from './notices.ts';
import { publisherIn } from './publish.ts';

export interface StoreParts {
  readonly connections: Connections;
  /** Quoted. */
  readonly schema: string;
  readonly masterKey: MasterKey;
  readonly fingerprintKey: Secret;
  readonly clock: Clock;
  readonly random: Random;
  readonly notices: Pick<Notices, 'send'>;
  close(): Promise<void>;
}

export type PostgresStore = Store & DueIndex & ChangeFeed & Publisher & FingerprintIndex;

/** Loads and creations of one turn of the event loop share a few statements. */
const CALLS_AT_ONCE = 400;

/** The store port over one schema of a PostgreSQL database. */
export function postgresStore({ connections, schema, notices, close, ...keeper }: StoreParts): PostgresStore {
  const documents = documentsIn(connections, schema, keeper.random);
  const material = materialIn(connections, schema, keeper);
  const { publish } = publisherIn(connections, schema, keeper);
  const checked = `
    INSERT INTO ${schema}.meta VALUES ('checked_at', $1)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

  /** Others are told after the commit and not in it: a notice inside would make all commits of the server queue up. */
  async function told<Result>(swap: Promise<Result>): Promise<Result> {
    const result = await swap;
    if (result !== null) notices.send();
    return result;
  }

  return {
    kind: 'postgres',
    atOnce: CALLS_AT_ONCE,
    ...documents,
    ...material,
    swap: (...call) => told(documents.swap(...call)),
    publish: (...call) => told(publish(...call)),
    // a real write: a standby and a full disk answer reads as if nothing were wrong
    check: async (options) => void (await connections.query(checked, [String(keeper.clock.now())], options)),
    close,
  };
}
