import { join } from 'node:path';
import { type KeyringOptions, type Log, openKeyring } from '../../clients/node/src/index.ts';
import type { Clock, Timers } from '../ports/clock.ts';
import type { AgentSettings, ExecRequest } from '../ports/sidecar.ts';
import { runAgent } from './agent.ts';
import { InUse } from './in-use.ts';
import { Program } from './program.ts';

/** The changes of a keyring arrive at once: the service holds the request so long. */
const WAIT_SECONDS = 60;

export interface SideCarDeps {
  readonly clock: Clock;
  /** A pending one keeps the process alive. */
  readonly timers: Timers;
  /** From 0 up to but not including 1. */
  readonly random: () => number;
  readonly log: Log;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where the service is, and with which token: the options that are the same for every keyring. */
  readonly service: Pick<KeyringOptions, 'url' | 'token' | 'tokenFile' | 'caFile'>;
  /** Calls back for each signal that the process gets. Returns what ends it. */
  readonly onSignal: (heard: (signal: NodeJS.Signals) => void) => () => void;
}

/** @throws KeyturnError of the client: what kept it from getting any keys; Error of node:fs where the file of the keys cannot be written */
export async function execProgram(request: ExecRequest, deps: SideCarDeps): Promise<number> {
  const inUse = new InUse();
  let program: Program | null = null;
  const keys = await openKeyring(request.keyring, {
    ...optionsOf(deps, request.instance, request.cacheFile),
    isInUse: (snapshot) => program?.uses(snapshot) ?? true,
    onEvent: () => program?.look(),
  });
  program = new Program(request, keys, inUse, deps);
  const deaf = deps.onSignal((signal) => program?.signal(signal));
  try {
    return await program.run();
  } finally {
    deaf();
    keys.close();
  }
}

/** @throws KeyturnError `invalid_config` for the socket; of the client where the service refuses a keyring at the start */
export async function runSideCar(settings: AgentSettings, deps: SideCarDeps): Promise<void> {
  let deaf: () => void = () => {};
  const stopped = new Promise<void>((resolve) => {
    deaf = deps.onSignal((signal) => {
      if (signal === 'SIGTERM' || signal === 'SIGINT') resolve();
    });
  });
  try {
    await runAgent(settings, {
      ...deps,
      open: (name, more) => openKeyring(name, { ...agentOptions(name, settings, deps), ...more }),
      stopped,
    });
  } finally {
    deaf();
  }
}

function agentOptions(name: string, { instance, cacheDir }: AgentSettings, deps: SideCarDeps): KeyringOptions {
  return optionsOf(deps, instance, cacheDir === null ? null : join(cacheDir, `${name}.cache`));
}

function optionsOf(
  { service, clock, timers, random, log, environment }: SideCarDeps,
  instance: string | null,
  cacheFile: string | null,
): KeyringOptions {
  return {
    ...service,
    environment,
    clock,
    timers,
    random,
    log,
    waitSeconds: WAIT_SECONDS,
    ...(instance !== null && { instance }),
    ...(cacheFile !== null && { cacheFile }),
  };
}
