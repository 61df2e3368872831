import { KeyturnError } from '../../core/errors.ts';
import type { Facts, ServiceFacts } from '../../core/review/facts.ts';
import type { Instant } from '../../core/time.ts';
import { SECOND } from '../../core/time.ts';
import type { Client } from '../client.ts';
import { Failure } from '../failure.ts';
import { readBody } from '../problem.ts';
import type { Session } from '../session.ts';
import type { Answer } from '../transport.ts';
import { Readiness } from './wire.ts';

/** The service as it answers, and the keyrings that it names as overdue. */
export interface Heard {
  readonly service: Facts['service'];
  readonly overdue: readonly string[];
}

/** Asks how the service is. Silence is an answer. */
export async function hear({ client, clock }: Session): Promise<Heard> {
  try {
    const asked = clock.now();
    const answer = await client.send({ method: 'GET', path: '/readyz', alsoTake: [503] });
    const told = readBody(answer, Readiness);
    const ahead = offsetOf(answer, asked, clock.now());
    const doors = { metricsOpen: await isOpen(client, '/metrics'), docsOpen: await isOpen(client, '/docs') };
    const mostOpenFiles = await askOpenFiles(client);
    return { service: { ...serviceFacts(told), ahead, ...doors, mostOpenFiles }, overdue: told.overdueKeyrings ?? [] };
  } catch (error) {
    if (!(error instanceof Failure) && !(error instanceof KeyturnError)) throw error;
    return {
      service: { silent: [error.message, ...error.faults.map(({ path, message }) => `${path} ${message}`)].join(' ') },
      overdue: [],
    };
  }
}

function serviceFacts({ status, checks, overdue }: Readiness): Omit<ServiceFacts, 'ahead' | 'metricsOpen' | 'docsOpen' | 'mostOpenFiles'> {
  const { store, scheduler, clock, audit } = checks;
  const failing = (check: { readonly status: string }): boolean => check.status === 'failing';
  return {
    status,
    store: { failing: failing(store), kind: store.kind, silentSeconds: store.silentSeconds },
    scheduler: { failing: failing(scheduler), lastSweepSecondsAgo: scheduler.lastSweepSecondsAgo },
    clock: { failing: failing(clock) },
    audit: { failing: failing(audit), spoolFailing: audit.spool === 'failing', spooled: audit.spooled ?? 0 },
    overdue,
  };
}

/** `Date` has whole seconds, cut off, and was written at some moment between our question and its answer. */
function offsetOf({ headers }: Answer, asked: Instant, answered: Instant): ServiceFacts['ahead'] {
  const at = Date.parse(headers.date ?? '');
  return Number.isNaN(at) ? null : { least: at - answered, most: at + SECOND - asked };
}

async function isOpen(client: Client, path: string): Promise<boolean | null> {
  const request = { method: 'GET', path, anonymous: true, repeatable: false, alsoTake: [301, 302, 401, 403, 404] } as const;
  const { status } = await client.send(request).catch(() => ({ status: 0 }));
  return status === 0 ? null : status < 400;
}

/** Of its own process, as it tells where its system does: that of a shell or of a container beside it may be another. */
async function askOpenFiles(client: Client): Promise<number | null> {
  const { text } = await client.send({ method: 'GET', path: '/metrics', repeatable: false }).catch(() => ({ text: '' }));
  const [, files] = /^process_max_fds ([1-9]\d*)$/m.exec(text) ?? [];
  return files === undefined ? null : Number(files);
}
