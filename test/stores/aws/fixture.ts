import type { Test } from 'tap';
import type { Aws, AwsOptions } from '../../../src/stores/aws/aws.ts';
import { openTestAws } from '../../support/aws.ts';
import { AwsDouble } from '../../support/aws-double/server.ts';

export const PREFIX = 'keyturn-test';
export const DOCUMENT = `${PREFIX}/keyring/web`;

/** A double with a store on it, and a way to open further handles as other replicas do. */
export interface Doubled extends Aws {
  readonly double: AwsDouble;
  open(options?: Partial<AwsOptions>): Promise<Aws>;
}

export async function openDoubled(t: Test, options: Partial<AwsOptions> = {}): Promise<Doubled> {
  const double = await AwsDouble.start(t);
  const open = (more: Partial<AwsOptions> = {}) => openTestAws(t, double.endpoint, { prefix: PREFIX, ...options, ...more });
  return { ...(await open()), double, open };
}

/** What a call throws; fails when it does not. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error('the call succeeded');
    },
    (error: unknown) => error,
  );
}
