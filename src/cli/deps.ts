import type { Readable, Writable } from 'node:stream';
import type { HealthTarget } from '../config/health.ts';
import type { AtMachine } from '../ports/at-machine.ts';
import type { Clock } from '../ports/clock.ts';
import type { Random } from '../ports/random.ts';
import type { SideCar } from '../ports/sidecar.ts';
import type { AuditTools } from './audit-tools.ts';
import type { Client } from './client.ts';

/** Everything the command line touches outside itself, so that tests run it in process. */
export interface Deps {
  /** Asks the service; made by `createClient`. */
  readonly client: Client;
  /** Answers go here, and only answers. */
  readonly stdout: Writable;
  /** Errors, warnings and prompts. */
  readonly stderr: Writable;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  /** A variable of the environment by its name: where a team's key is today. */
  readonly variable: (name: string) => string | undefined;
  /** Whether `stdout` is a terminal: only then is there colour (and `NO_COLOR` switches it off). */
  readonly isTerminal: boolean;
  readonly clock: Pick<Clock, 'now'>;
  /** For Idempotency-Keys, and for tokens that are made offline. */
  readonly random: Random;
  /** Runs the service until it is told to stop. */
  readonly serve: () => Promise<void>;
  /** What is done to the audit log at the machine itself, without the service. */
  readonly auditTools: () => Promise<AuditTools>;
  /** What is done on the data folder itself, while the service is stopped. */
  readonly atMachine: () => Promise<AtMachine>;
  /** Hands keys to programs that take no library. */
  readonly sidecar: () => Promise<SideCar>;
  /** The folder in which the command was typed. */
  readonly cwd: string;
  /** Whom `health` asks. Throws KeyturnError `invalid_config`. */
  readonly healthTarget: () => HealthTarget;
  /** Of this program, as `--version` prints it. */
  readonly version: string;
}
