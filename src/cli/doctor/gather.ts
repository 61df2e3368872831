import type { Facts } from '../../core/review/facts.ts';
import type { Session } from '../session.ts';
import { Asking } from './asking.ts';
import { askAudit } from './audit.ts';
import { askKeyrings } from './keyrings.ts';
import { hear } from './service.ts';
import { askTokens } from './tokens.ts';

/** All that the token and this machine show, and what they do not. */
export async function gather(session: Session): Promise<Facts> {
  const { client, clock } = session;
  const asking = new Asking();
  const now = clock.now();
  const url = await client.address().catch(() => 'KEYTURN_URL');
  const { service, overdue } = await hear(session);
  const answers = !('silent' in service);
  const keyrings = answers ? await askKeyrings(client, asking, overdue) : null;
  const tokens = answers ? await askTokens(client, asking, now) : null;
  const audit = answers ? await askAudit(client, asking) : null;
  const machine = await (await session.atMachine()).inspect();
  if (!answers) asking.miss('keyrings, instances, tokens and audit log', 'a service that answers');
  if (machine === null)
    asking.miss('data folder and configuration', "to run on the service's machine as its user, in its working directory");
  return { now, url, service, keyrings, tokens, machine, audit, unseen: asking.unseen };
}
