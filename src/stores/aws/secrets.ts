import type * as Sdk from '@aws-sdk/client-secrets-manager';
import { KeyturnError } from '../../core/errors.ts';
import type { Instant } from '../../core/time.ts';
import type { CallOptions } from '../../ports/store.ts';
import { Calls, type CallsDeps } from './calls.ts';
import { nameOf } from './errors.ts';

/** Where the secrets are and how new ones are made. */
export interface SecretsPlace {
  /** Null = what the environment or the profile says. */
  readonly region: string | null;
  /** Another address than that of AWS, such as a VPC endpoint or an emulator. */
  readonly endpoint: string | null;
  /** Id, ARN or alias of the KMS key that seals the values; null = the account's `aws/secretsmanager`. */
  readonly kmsKeyId: string | null;
  /** On every secret that is made. At most 49, because one is ours. */
  readonly tags: Readonly<Record<string, string>>;
}

/** One version of a secret. */
export interface SecretValue {
  readonly versionId: string;
  readonly text: string;
}

export interface ListedSecret {
  readonly name: string;
  readonly createdAt: Instant;
  /** The version that has the label AWSCURRENT; null where the list does not say. */
  readonly versionId: string | null;
}

/** `scheduled`: the name belongs to a secret that somebody deleted with a recovery window. */
export type Creation = 'created' | 'exists' | 'scheduled';

/** Names in one BatchGetSecretValue. */
export const BATCH = 20;
/** Secrets in one answer of ListSecrets. */
export const LIST = 100;
const CURRENT = 'AWSCURRENT';

/** The IAM actions behind the calls below: docs/stores-aws.md grants these and no others. */
export const ACTIONS = [
  'GetSecretValue',
  'BatchGetSecretValue',
  'ListSecrets',
  'CreateSecret',
  'PutSecretValue',
  'UpdateSecretVersionStage',
  'DeleteSecret',
] as const;
export type Action = (typeof ACTIONS)[number];

/**
 * AWS Secrets Manager, reduced to what the store needs. Absence is `undefined`; "exists" is an answer; all else is thrown as a KeyturnError.
 * The one file that uses the SDK, which is loaded with it.
 */
export class Secrets {
  readonly #sdk: typeof Sdk;
  readonly #client: Sdk.SecretsManagerClient;
  readonly #calls: Calls;
  readonly #place: SecretsPlace;

  constructor(sdk: typeof Sdk, client: Sdk.SecretsManagerClient, calls: Calls, place: SecretsPlace) {
    this.#sdk = sdk;
    this.#client = client;
    this.#calls = calls;
    this.#place = place;
  }

  /** Waits and limits of all calls. */
  get calls(): Calls {
    return this.#calls;
  }

  current(name: string, options?: CallOptions): Promise<SecretValue | undefined> {
    return this.#value({ SecretId: name, VersionStage: CURRENT }, options);
  }

  /** Versions never change: whenever this finds one, it is the one. */
  version(name: string, versionId: string, options?: CallOptions): Promise<SecretValue | undefined> {
    return this.#value({ SecretId: name, VersionId: versionId }, options);
  }

  /** The current versions of at most `BATCH` secrets; those that are absent or cannot be read are left out. */
  async many(names: readonly string[], options?: CallOptions): Promise<ReadonlyMap<string, SecretValue>> {
    const found = new Map<string, SecretValue>();
    let next: string | undefined;
    do {
      const command = new this.#sdk.BatchGetSecretValueCommand({ SecretIdList: [...names], ...(next && { NextToken: next }) });
      const answer = await this.#calls.send('BatchGetSecretValue', options, (abortSignal) => this.#client.send(command, { abortSignal }));
      for (const { Name, VersionId, SecretString: text } of answer.SecretValues ?? []) {
        if (Name !== undefined && VersionId !== undefined && text !== undefined) found.set(Name, { versionId: VersionId, text });
      }
      next = answer.NextToken;
    } while (next !== undefined && next !== '');
    return found;
  }

  async create(name: string, text: string, versionId: string, options?: CallOptions): Promise<Creation> {
    const { kmsKeyId, tags } = this.#place;
    const command = new this.#sdk.CreateSecretCommand({
      Name: name,
      SecretString: text,
      ClientRequestToken: versionId,
      Tags: Object.entries({ 'managed-by': 'keyturn', ...tags }).map(([Key, Value]) => ({ Key, Value })),
      ...(kmsKeyId !== null && { KmsKeyId: kmsKeyId }),
    });
    return this.#write('CreateSecret', options, async (abortSignal) => {
      await this.#client.send(command, { abortSignal });
      return 'created' as const;
    });
  }

  /** Makes a version current that nobody made before. */
  async put(name: string, text: string, versionId: string, options?: CallOptions): Promise<'put' | 'exists'> {
    const command = new this.#sdk.PutSecretValueCommand({ SecretId: name, SecretString: text, ClientRequestToken: versionId });
    const answer = await this.#write('PutSecretValue', options, async (abortSignal) => {
      await this.#client.send(command, { abortSignal });
      return 'put' as const;
    });
    if (answer === 'put' || answer === 'exists') return answer;
    throw scheduled(name);
  }

  /** Moves the label from one version to another, unless somebody moved it before: then nothing happens. */
  async promote(name: string, to: string, from: string, options?: CallOptions): Promise<void> {
    const moved = { SecretId: name, VersionStage: CURRENT, MoveToVersionId: to, RemoveFromVersionId: from };
    const command = new this.#sdk.UpdateSecretVersionStageCommand(moved);
    await this.#calls.send('UpdateSecretVersionStage', options, (abortSignal) => this.#client.send(command, { abortSignal }));
  }

  /** At once and for good. Harmless where there is none. */
  async destroy(name: string, options?: CallOptions): Promise<void> {
    const command = new this.#sdk.DeleteSecretCommand({ SecretId: name, ForceDeleteWithoutRecovery: true });
    await this.#calls.send('DeleteSecret', options, async (abortSignal) => {
      await this.#client.send(command, { abortSignal }).catch((error) => {
        if (!isNamed(error, 'ResourceNotFoundException')) throw error;
      });
    });
    this.#calls.wrote();
  }

  /** Secrets whose names begin so, in an order of AWS's own. What was made or deleted a moment ago may be missing or still there. */
  async list(prefix: string, after: string | null, limit: number, options?: CallOptions) {
    const command = new this.#sdk.ListSecretsCommand({
      Filters: [{ Key: 'name', Values: [prefix] }],
      MaxResults: Math.min(limit, LIST),
      ...(after !== null && { NextToken: after }),
    });
    const answer = await this.#calls.send('ListSecrets', options, (abortSignal) => this.#client.send(command, { abortSignal }));
    const items = (answer.SecretList ?? []).filter(({ Name }) => Name?.startsWith(prefix)).map(listed);
    return { items, next: answer.NextToken || null };
  }

  close(): void {
    this.#calls.close();
    this.#client.destroy();
  }

  async #value(input: Sdk.GetSecretValueCommandInput, options: CallOptions | undefined): Promise<SecretValue | undefined> {
    const command = new this.#sdk.GetSecretValueCommand(input);
    return this.#calls.send('GetSecretValue', options, async (abortSignal) => {
      try {
        return valueIn(await this.#client.send(command, { abortSignal }), input.SecretId ?? '');
      } catch (error) {
        if (isNamed(error, 'ResourceNotFoundException')) return undefined;
        if (isNamed(error, 'InvalidRequestException')) throw scheduled(input.SecretId ?? '');
        throw error;
      }
    });
  }

  async #write<Done>(action: Action, options: CallOptions | undefined, attempt: (signal: AbortSignal) => Promise<Done>) {
    const outcome = await this.#calls.send(action, options, async (signal) => {
      try {
        return await attempt(signal);
      } catch (error) {
        if (isNamed(error, 'ResourceExistsException')) return 'exists';
        if (isNamed(error, 'InvalidRequestException')) return 'scheduled';
        throw error;
      }
    });
    this.#calls.wrote();
    return outcome;
  }
}

/** @throws KeyturnError `invalid_config`: no region is known */
export async function connectSecrets(place: SecretsPlace, deps: CallsDeps): Promise<Secrets> {
  const sdk = await import('@aws-sdk/client-secrets-manager');
  const { region, endpoint } = place;
  // Attempts are counted in calls.ts, which heeds the caller's signal and asks for no value twice.
  const client = new sdk.SecretsManagerClient({ ...(region && { region }), ...(endpoint && { endpoint }), maxAttempts: 1 });
  try {
    await client.config.region();
  } catch {
    throw new KeyturnError('invalid_config', 'No AWS region is known: set store.region, KEYTURN_AWS_REGION or AWS_REGION.');
  }
  return new Secrets(sdk, client, new Calls(deps), place);
}

function valueIn(
  { VersionId, SecretString }: { VersionId?: string | undefined; SecretString?: string | undefined },
  name: string,
): SecretValue {
  if (VersionId !== undefined && SecretString !== undefined) return { versionId: VersionId, text: SecretString };
  throw new KeyturnError(
    'corrupt_document',
    `The secret ${name} holds no text: it is not one of Keyturn's. Restore it, or use another prefix.`,
  );
}

function listed({ Name = '', CreatedDate, SecretVersionsToStages = {} }: Sdk.SecretListEntry): ListedSecret {
  const [versionId = null] = Object.entries(SecretVersionsToStages).find(([, stages]) => stages.includes(CURRENT)) ?? [];
  return { name: Name, createdAt: Math.floor(CreatedDate?.getTime() ?? 0), versionId };
}

function isNamed(error: unknown, name: string): boolean {
  return nameOf(error) === name;
}

function scheduled(name: string): KeyturnError {
  return new KeyturnError(
    'store_read_only',
    `The secret ${name} was deleted in AWS and waits for its end. Bring it back: aws secretsmanager restore-secret --secret-id ${name}`,
  );
}
