import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

/** What of a tap test this needs. */
interface Teardown {
  teardown(action: () => unknown): void;
}

/**
 * A TCP proxy on 127.0.0.1 in front of a server, with switches for what networks do. `open` is the way back from `cut`, `freeze` and `slow`.
 */
export interface FaultProxy {
  readonly port: number;
  /** Connections that were accepted so far. */
  readonly accepted: number;
  /** Ends every connection and refuses new ones. */
  cut(): void;
  /** Half-open: connections stay, new ones are accepted, and not a byte comes through. */
  freeze(): void;
  /** Every chunk takes so much longer, each way. */
  slow(milliseconds: number): void;
  /** Ends every connection by a reset, as a server that was killed does. New ones work. */
  reset(): void;
  /** All is well again. What was held back is lost: those connections are ended. */
  open(): void;
}

type State = { readonly how: 'open' | 'cut' | 'freeze' } | { readonly how: 'slow'; readonly milliseconds: number };

export async function startFaultProxy(t: Teardown, target: { readonly host: string; readonly port: number }): Promise<FaultProxy> {
  let state: State = { how: 'open' };
  let accepted = 0;
  const sockets = new Set<Socket>();
  const track = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
  };
  const forward = (from: Socket, to: Socket): void => {
    from.on('data', (chunk) => {
      if (state.how === 'open') to.write(chunk);
      else if (state.how === 'slow') setTimeout(() => to.writable && to.write(chunk), state.milliseconds);
    });
    from.on('close', () => {
      // behind what is still on its way
      if (state.how === 'slow') setTimeout(() => to.destroy(), state.milliseconds);
      else if (state.how !== 'freeze') to.destroy();
    });
  };
  const server = createServer((client) => {
    track(client);
    accepted++;
    if (state.how === 'cut') return void client.resetAndDestroy();
    const upstream = createConnection(target);
    track(upstream);
    forward(client, upstream);
    forward(upstream, client);
  });
  const endAll = (end: (socket: Socket) => void): void => {
    for (const socket of [...sockets]) end(socket);
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    endAll((socket) => socket.destroy());
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    port: address.port,
    get accepted() {
      return accepted;
    },
    cut() {
      state = { how: 'cut' };
      endAll((socket) => socket.destroy());
    },
    freeze() {
      state = { how: 'freeze' };
    },
    slow(milliseconds) {
      state = { how: 'slow', milliseconds };
    },
    reset() {
      endAll((socket) => socket.resetAndDestroy());
    },
    open() {
      if (state.how === 'freeze') endAll((socket) => socket.destroy());
      state = { how: 'open' };
    },
  };
}
