import { setTimeout as pause } from 'node:timers/promises';
import { openService, type Surroundings } from '../../src/compose/service.ts';
import type { Settings } from '../../src/config/settings.ts';
import { caller } from './support.ts';

/** A replica that goes on serving the old store of a move, and an application that asks it all the time. */
export interface Beside extends AsyncDisposable {
  /** The rotation that it could still make; null = it was refused, or nobody tried. */
  readonly changed: { readonly keyring: string; readonly version: number } | null;
  /** Tries to rotate. */
  change(): Promise<void>;
  /** Once the new store serves. @returns what the application noticed, and whether the replica can still change anything */
  end(): Promise<string[]>;
}

/** The one that every data folder of the campaign has. */
const KEYRING = 'first';
const EVERY = 20;
const LEAST = 5;

export async function beside(settings: Settings, surroundings: Surroundings, tokenIn: string): Promise<Beside> {
  const service = await openService(settings, surroundings);
  await service.start();
  const call = caller(service.app, tokenIn);
  const keys = () => call({ url: `/v1/keyrings/${KEYRING}/keys` });
  const rotate = () =>
    call({ method: 'POST', url: `/v1/keyrings/${KEYRING}/rotate`, payload: { kind: 'immediate', reason: 'while it moves' } });
  const wrong: string[] = [];
  let [answers, ended] = [0, false];
  let changed: Beside['changed'] = null;
  const reading = (async () => {
    for (let version = 0; !ended; await pause(EVERY)) {
      const { status, body } = await keys();
      answers++;
      if (status !== 200) wrong.push(`a reader was answered ${status} ${body?.code}`);
      else if (body.current.version < version) wrong.push('a reader was given an older version');
      else version = body.current.version;
    }
  })();
  return {
    get changed() {
      return changed;
    },
    async change() {
      const { status, body } = await rotate();
      if (status === 200) changed = { keyring: KEYRING, version: body.version };
      else if (status !== 503) wrong.push(`a change meanwhile was answered ${status}`);
    },
    async end() {
      const { status } = await rotate();
      if (status !== 503) wrong.push(`a change in the store that was given up was answered ${status}`);
      if (answers < LEAST) wrong.push(`a reader asked only ${answers} times`);
      return wrong;
    },
    async [Symbol.asyncDispose]() {
      ended = true;
      await reading;
      await service.stop();
    },
  };
}
