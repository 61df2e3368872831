import type { AuditFacts } from '../../core/review/facts.ts';
import type { Instant } from '../../core/time.ts';
import type { Client } from '../client.ts';
import { readBody } from '../problem.ts';
import { AuditVerdict } from '../wire.ts';
import type { Asking } from './asking.ts';
import { AuditMoments } from './wire.ts';

const AUDITOR = 'a token with the role auditor';
/** A page of a search may be empty and have a successor. */
const MOST_PAGES = 100;

/** The verdict on the whole log (asked for once: it may take long), and how old its last checkpoint is; null where the token may not see them. */
export async function askAudit(client: Client, asking: Asking): Promise<AuditFacts | null> {
  const verdict = await asking.permitted('audit log', AUDITOR, async () =>
    readBody(await client.send({ method: 'POST', path: '/v1/audit/verify', body: {}, repeatable: false }), AuditVerdict),
  );
  if (verdict === null) return null;
  const { intact, from, to, findings } = verdict;
  const [first] = findings;
  return {
    isIntact: intact,
    verdict: intact ? `records ${from} to ${to} are intact` : `record ${first?.sequence ?? '?'}: ${first?.problem ?? 'it is not intact'}`,
    withoutCheckpointSince: await asking.permitted('checkpoints of the audit log', AUDITOR, () => withoutCheckpointSince(client, asking)),
  };
}

async function withoutCheckpointSince(client: Client, asking: Asking): Promise<Instant | null> {
  // our own verification is on record: whoever does not see it sees no record of a checkpoint either
  if ((await momentOf(client, { action: 'audit.verify' })) === null) {
    asking.miss('checkpoints of the audit log', 'a token with the role auditor for all keyrings');
    return null;
  }
  const last = await momentOf(client, { action: 'audit.checkpoint', outcome: 'done' });
  return last ?? (await momentOf(client, { order: 'oldest' }));
}

/** When the first record of a search was written; null without one. */
async function momentOf(client: Client, search: Readonly<Record<string, string>>): Promise<Instant | null> {
  let after: string | undefined;
  for (let count = 0; count < MOST_PAGES; count++) {
    const answer = await client.send({ method: 'GET', path: '/v1/audit', query: { ...search, limit: 1, after } });
    const { items, next } = readBody(answer, AuditMoments);
    const [found] = items;
    if (found !== undefined) return Date.parse(found.at);
    if (next === null) return null;
    after = next;
  }
  return null;
}
