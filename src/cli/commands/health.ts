import type { Command } from 'commander';
import type { HealthTarget } from '../../config/health.ts';
import { KeyturnError } from '../../core/errors.ts';
import { EXIT, Failure, failureFrom } from '../failure.ts';
import type { Session } from '../session.ts';
import { type Answer, exchange } from '../transport.ts';
import { unreachable } from '../unreachable.ts';
import { examples } from './shared.ts';

const TIMEOUT_MILLIS = 3_000;

export function addHealth(program: Command, session: Session): void {
  program
    .command('health')
    .summary('whether the service can serve, for health checks')
    .description(
      'Ask /readyz, without a token, for 3 seconds at most. Exits with 0 where the service can serve, else with 1. Asks KEYTURN_URL where that is ' +
        "set; otherwise the address in the service's own configuration, over TLS if that has TLS.",
    )
    .addHelpText('after', examples(['keyturn health'], ['KEYTURN_URL=https://keys.example keyturn health']))
    .action(() => health(session));
}

/** Health checks know two answers: every failure is the same. */
async function health({ healthTarget, print }: Session): Promise<void> {
  const { status } = await ask(healthTarget).catch((error: unknown) => {
    const failure = error instanceof KeyturnError ? failureFrom(error) : error;
    if (!(failure instanceof Failure)) throw error;
    throw new Failure(EXIT.refused, failure.message, failure);
  });
  if (status !== 200) throw new Failure(EXIT.refused, `It answers with status ${status} and cannot serve. Look into its log.`);
  print('ready\n');
}

async function ask(target: () => HealthTarget): Promise<Answer> {
  const { url, ca, pinned } = target();
  const wanted = { url: new URL(`${url}/readyz`), method: 'GET', headers: {}, body: null, ca, pinned, timeoutMillis: TIMEOUT_MILLIS };
  return exchange(wanted).catch((cause) => {
    throw unreachable(url, cause);
  });
}
