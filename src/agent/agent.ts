import { codeOf, type ErrorCode, type Keyring, type KeyringOptions, KeyturnError, retryDelay } from '../../clients/node/src/index.ts';
import { SECOND } from '../core/time.ts';
import type { AgentKeyring, AgentSettings } from '../ports/sidecar.ts';
import { Delivery, type DeliveryDeps } from './delivery.ts';
import { KeysSocket } from './keys-socket.ts';

export interface AgentDeps extends DeliveryDeps {
  /** From 0 up to but not including 1. */
  readonly random: () => number;
  /** Opens a keyring of the service. @throws KeyturnError of the client */
  readonly open: (name: string, options: Pick<KeyringOptions, 'isInUse' | 'onEvent'>) => Promise<Keyring>;
  /** Resolves when the agent is told to stop. */
  readonly stopped: Promise<unknown>;
}

/** Waiting helps against none of these. */
const FINAL: readonly (ErrorCode | null)[] = ['config', 'wrong_token', 'forbidden', 'keyring_gone'];

/**
 * Keeps the files of several keyrings true until it is told to stop; then it takes them away.
 * @throws KeyturnError `invalid_config` for the socket; of the client where the service itself refuses a keyring at the start
 */
export async function runAgent({ keyrings, socket }: AgentSettings, deps: AgentDeps): Promise<void> {
  const deliveries = new Map(keyrings.map((keyring) => [String(keyring.name), new Delivery(keyring, deps)]));
  const opened: Keyring[] = [];
  const server = socket === null ? null : await KeysSocket.open(socket, (name) => deliveries.get(name)?.serve());
  let isOver = false;
  const stopped = deps.stopped.then(() => {
    isOver = true;
  });
  try {
    const start = async (keyring: AgentKeyring, delivery: Delivery): Promise<void> => {
      const keys = await openPatiently(keyring.name, delivery, deps, () => isOver);
      if (keys === null) return;
      opened.push(keys);
      delivery.watch(keys);
    };
    const started = keyrings.map((keyring) => {
      const delivery = deliveries.get(keyring.name);
      return delivery === undefined ? null : start(keyring, delivery);
    });
    await Promise.race([stopped, Promise.all(started).then(() => stopped)]);
  } finally {
    isOver = true;
    for (const keys of opened) keys.close();
    await Promise.all([...deliveries.values()].map((delivery) => delivery.stop()));
    await server?.close();
  }
}

/** Tries until there are keys; null where the agent stopped before. @throws KeyturnError where the service itself refuses */
async function openPatiently(name: string, delivery: Delivery, deps: AgentDeps, isOver: () => boolean): Promise<Keyring | null> {
  const options = { isInUse: delivery.uses.bind(delivery), onEvent: () => delivery.look() };
  for (let failures = 1; !isOver(); failures++) {
    try {
      const keys = await deps.open(name, options);
      if (!isOver()) return keys;
      keys.close();
    } catch (error) {
      await delivery.withdraw();
      if (FINAL.includes(codeOf(error))) throw error;
      const retryAfterSeconds = error instanceof KeyturnError ? error.retryAfterSeconds : null;
      await pause(retryDelay({ failures, refreshSeconds: null, retryAfterSeconds }, deps.random), deps);
    }
  }
  return null;
}

function pause(delay: number, { timers, stopped }: AgentDeps): Promise<unknown> {
  return new Promise((resolve) => {
    const cancel = timers.after(Math.max(delay, SECOND), () => resolve(null));
    void stopped.then(() => {
      cancel();
      resolve(null);
    });
  });
}
