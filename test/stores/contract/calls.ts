import type { CallOptions, Store } from '../../../src/ports/store.ts';
import { keyring, material, named, ref } from '../keyrings.ts';

export type Call = (store: Store, options: CallOptions) => Promise<unknown>;

export const entry = ref('web');
/** One call of every method. */
export const CALLS: Readonly<Record<string, Call>> = {
  load: (store, options) => store.load(named('web'), options),
  swap: (store, options) => store.swap(keyring('web'), null, options),
  page: (store, options) => store.page(null, 10, options),
  putMaterial: (store, options) => store.putMaterial(entry, material(), options),
  getMaterial: (store, options) => store.getMaterial(entry, options),
  destroyMaterial: (store, options) => store.destroyMaterial(entry, options),
  pageMaterial: (store, options) => store.pageMaterial(null, 10, options),
  check: (store, options) => store.check(options),
};

/** What a failed call throws; fails when it does not. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  const answer = await call.then(
    () => null,
    (error: unknown) => ({ error }),
  );
  if (answer === null) throw new Error('the call succeeded');
  return answer.error;
}
