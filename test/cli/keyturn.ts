import { PassThrough, Readable, type Writable } from 'node:stream';
import type { AuditTools } from '../../src/cli/audit-tools.ts';
import { createClient } from '../../src/cli/client.ts';
import { run } from '../../src/cli/run.ts';
import type { HealthTarget } from '../../src/config/health.ts';
import { Secret } from '../../src/core/secret.ts';
import type { AtMachine } from '../../src/ports/at-machine.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { SideCar } from '../../src/ports/sidecar.ts';
import { apiServer, type Routes, type Seen } from '../support/api-server.ts';
import { NOW } from './fixtures.ts';

export interface Surroundings {
  readonly stdin?: string;
  readonly stdout?: Writable;
  readonly variables?: Readonly<Record<string, string>>;
  readonly isTerminal?: boolean;
  /** Bits of colour of standard output, as a terminal reports them; 1 = none. */
  readonly colourDepth?: number;
  readonly url?: string;
  readonly token?: Secret | null;
  readonly caFile?: string;
  readonly timeoutMillis?: number;
  readonly serve?: () => Promise<void>;
  readonly auditTools?: () => Promise<AuditTools>;
  readonly atMachine?: () => Promise<AtMachine>;
  readonly sidecar?: () => Promise<SideCar>;
  readonly healthTarget?: () => HealthTarget;
  /** Default: it stands at `NOW`. */
  readonly clock?: Pick<Clock, 'now'>;
}

export interface Outcome {
  readonly exit: number;
  readonly out: string;
  readonly err: string;
  readonly seen: readonly Seen[];
}

export const TOKEN_TEXT = 'keyturn_test-token';

/** Types a command, against a service that knows the given routes. */
export async function keyturn(argv: readonly string[], routes: Routes = {}, around: Surroundings = {}): Promise<Outcome> {
  await using server = await apiServer(routes);
  const {
    token = new Secret(TOKEN_TEXT),
    url = server.url,
    caFile = null,
    timeoutMillis = 5_000,
    isTerminal = false,
    colourDepth = 1,
  } = around;
  const client = createClient(() => ({ url, token, caFile }), { timeoutMillis, pause: async () => {} });
  const stdout = Object.assign(new PassThrough(), { isTTY: isTerminal, getColorDepth: () => colourDepth });
  const stderr = new PassThrough();
  const exit = await run(argv, {
    client,
    stdout: around.stdout ?? stdout,
    stderr,
    stdin: Readable.from(around.stdin === undefined ? [] : [around.stdin]),
    variable: (name) => around.variables?.[name],
    isTerminal,
    clock: around.clock ?? { now: () => NOW },
    random: { bytes: (count) => Buffer.alloc(count, 7), description: { generator: 'test', runtime: 'test', openssl: 'test' } },
    atMachine: around.atMachine ?? (() => Promise.reject(new Error('This test has no machine.'))),
    healthTarget: around.healthTarget ?? (() => ({ url, ca: null, pinned: false })),
    serve: around.serve ?? (async () => {}),
    sidecar: around.sidecar ?? (() => Promise.reject(new Error('This test runs no other program.'))),
    cwd: '/',
    auditTools: around.auditTools ?? (() => Promise.reject(new Error('No tools in this test.'))),
    version: '0.0.0-test',
  });
  return { exit, out: text(stdout), err: text(stderr), seen: server.seen };
}

function text(stream: PassThrough): string {
  return String(stream.read() ?? '');
}
