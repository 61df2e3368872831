import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemClock } from '../../src/clock.ts';
import type { Timers } from '../../src/ports/clock.ts';
import { type Aws, type AwsOptions, openAws } from '../../src/stores/aws/aws.ts';
import { storeRandom } from './sqlite.ts';

/** Emulators take any; the default chain finds these. */
export function giveCredentials(): readonly string[] {
  const given = { AWS_ACCESS_KEY_ID: 'AKIAKEYTURNTESTONLY0', AWS_SECRET_ACCESS_KEY: 'keyturn-test-secret-access-key-0123456789' };
  Object.assign(process.env, given, { AWS_REGION: 'eu-central-1', AWS_EC2_METADATA_DISABLED: 'true' });
  return [given.AWS_SECRET_ACCESS_KEY];
}

/** Waits that take a turn of the event loop: pauses between attempts are counted, not waited for. */
export const hurried: Timers & { readonly waits: number[] } = {
  waits: [],
  after(delay, callback) {
    let wanted = true;
    this.waits.push(delay);
    void nextTurn().then(() => wanted && callback());
    return () => {
      wanted = false;
    };
  },
};

let opened = 0;

/** A prefix that no other test has. */
export function freshPrefix(): string {
  return `keyturn-test-${process.pid}-${++opened}`;
}

/** A store in the Secrets Manager at an endpoint, closed after the test. */
export async function openTestAws(
  t: { teardown(action: () => unknown): void },
  endpoint: string,
  options: Partial<AwsOptions> = {},
): Promise<Aws> {
  giveCredentials();
  const aws = await openAws({
    region: null,
    endpoint,
    kmsKeyId: null,
    tags: {},
    prefix: freshPrefix(),
    masterKey: null,
    clock: systemClock,
    timers: hurried,
    random: storeRandom,
    ...options,
  });
  t.teardown(() => aws.close());
  return aws;
}
