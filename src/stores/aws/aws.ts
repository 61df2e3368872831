import type { Secret } from '../../core/secret.ts';
import { type Millis, SECOND } from '../../core/time.ts';
import type { Clock, Timers } from '../../ports/clock.ts';
import type { MoveMarks } from '../../ports/move.ts';
import type { Random } from '../../ports/random.ts';
import { parseMasterKey } from '../master-key.ts';
import { Archive } from './archive.ts';
import { Cells } from './cells.ts';
import { Documents } from './documents.ts';
import { Material } from './material.ts';
import { moveMarksIn } from './move.ts';
import { connectSecrets, type SecretsPlace } from './secrets.ts';
import { type AwsStore, awsStore, WRITE_LIMIT } from './store.ts';
import { AwsTokens } from './tokens.ts';

/** Credentials come from the SDK's default chain: environment, shared files, web identity, container, instance. */
export interface AwsOptions extends SecretsPlace {
  /** In front of the names of all secrets, without a slash at its end. Replicas share it; two services do not. */
  readonly prefix: string;
  /** Seals key material before AWS gets it, the same for all replicas; null = KMS alone seals. */
  readonly masterKey: Secret | null;
  /** How long one attempt of a call may take. Default: 5 s. */
  readonly timeout?: Millis;
  /** How long storing a key, or a swap, may take, with everything that AWS asks to wait and to send again. Default: `WRITE_LIMIT`. */
  readonly limit?: Millis;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
}

/** Everything that Secrets Manager keeps under one prefix. Any number of processes may have it open. */
export interface Aws {
  readonly store: AwsStore;
  readonly tokens: AwsTokens;
  readonly move: MoveMarks;
  /** Harmless a second time. */
  close(): Promise<void>;
}

/**
 * Opens the store in AWS Secrets Manager; sends nothing yet.
 * @throws KeyturnError `invalid_config`
 */
export async function openAws(options: AwsOptions): Promise<Aws> {
  const { prefix, clock, timers, random, timeout = 5 * SECOND, limit = WRITE_LIMIT } = options;
  const masterKey = options.masterKey === null ? null : parseMasterKey(options.masterKey, 'The master key of the AWS store');
  const secrets = await connectSecrets(options, { clock, timers, random, timeout });
  const cells = new Cells({ secrets, clock, random });
  const epoch = random.bytes(6).toString('hex');
  const archive = new Archive(secrets, `${prefix}/archive/`);
  const documents = new Documents({ secrets, cells, archive, clock, prefix: `${prefix}/keyring/`, epoch });
  const load = documents.load.bind(documents);
  const material = new Material({ secrets, random, prefix: `${prefix}/material/`, masterKey, load });
  const tokens = `${prefix}/tokens`;
  const store = awsStore({ secrets, documents, material, probe: tokens, limit });
  return { store, tokens: new AwsTokens(cells, tokens), move: moveMarksIn(cells, `${prefix}/move`), close: () => store.close() };
}
