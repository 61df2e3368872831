import type { PrepareLeases } from './writer.ts';

/** Where the lease registry (stores/sqlite/leases.ts) takes its part in the commit. */
export const prepareLeases: PrepareLeases = () => () => undefined;
