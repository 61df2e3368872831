import { LEASES_SCHEMA, leaseWriterIn } from '../leases.ts';
import type { PrepareLeases } from './writer.ts';

/** Where the lease registry (stores/sqlite/leases.ts) takes its part in the commit. */
export const prepareLeases: PrepareLeases = (database) => {
  database.exec(LEASES_SCHEMA);
  const rows = leaseWriterIn(database);
  return (grants) => rows.record(grants);
};
