import type { LeaseGrant } from '../ports/leases.ts';

type Holder = Pick<LeaseGrant, 'keyring' | 'principal' | 'instance'>;
type Tree<Value> = Map<Holder['keyring'], Map<Holder['principal'], Map<Holder['instance'], Value>>>;

/**
 * Values by the holder of a lease. Every read of keys looks here, so no key is put together for it. Bounded: of the last `most` holders that
 * were set at least half are remembered.
 */
export class ByHolder<Value> {
  readonly #most: number;
  #young: Tree<Value> = new Map();
  #old: Tree<Value> = new Map();
  #count = 0;

  /** @param most holders remembered */
  constructor(most: number) {
    this.#most = most;
  }

  get(holder: Holder): Value | undefined {
    return valueIn(this.#young, holder) ?? valueIn(this.#old, holder);
  }

  set({ keyring, principal, instance }: Holder, value: Value): void {
    const principals = this.#young.get(keyring) ?? new Map<Holder['principal'], Map<Holder['instance'], Value>>();
    const instances = principals.get(principal) ?? new Map<Holder['instance'], Value>();
    this.#count += instances.has(instance) ? 0 : 1;
    this.#young.set(keyring, principals.set(principal, instances.set(instance, value)));
    if (this.#count < this.#most / 2) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#count = 0;
  }
}

function valueIn<Value>(tree: Tree<Value>, { keyring, principal, instance }: Holder): Value | undefined {
  return tree.get(keyring)?.get(principal)?.get(instance);
}
