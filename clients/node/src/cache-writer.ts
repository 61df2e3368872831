import { createHash } from 'node:crypto';
import { connect, createServer, type Server } from 'node:net';

/** Elsewhere names without a file do not exist: every process needs a cache file of its own there. */
const HAS_NAMES = process.platform === 'linux';

export interface Claim {
  /** The file is in its place: the name of the one before is given up. */
  keep(): void;
  /** It is not. */
  drop(): void;
}

/**
 * Tells whether the process that wrote a cache file still runs: what the file holds is that process's lease, which ends when it shows newer keys to the
 * service. While it runs it listens, and never answers, under a name made from the file's first bytes, which are new with each writing.
 * The kernel takes the name back when the process ends, however it ends.
 */
export class CacheWriter {
  #server: Server | null = null;

  /**
   * Before the file is there under its name.
   * @param sealed the bytes of the file
   * @throws Error of node:net
   */
  async claim(sealed: Buffer): Promise<Claim> {
    const server = HAS_NAMES ? await listenAt(nameOf(sealed)) : null;
    return {
      keep: () => {
        this.release();
        this.#server = server;
      },
      drop: () => void server?.close(),
    };
  }

  /** Others may live on what was written. */
  release(): void {
    this.#server?.close();
    this.#server = null;
  }
}

export function isWriterAlive(sealed: Buffer): Promise<boolean> {
  if (!HAS_NAMES) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = connect(nameOf(sealed));
    const settle = (isAlive: boolean): void => {
      socket.destroy();
      resolve(isAlive);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', (error) => settle(!('code' in error && error.code === 'ECONNREFUSED')));
  });
}

/** In the kernel's own namespace, where names begin with a zero byte. */
function nameOf(sealed: Buffer): string {
  return `\0keyturn-cache-${createHash('sha256').update(sealed.subarray(0, 64)).digest('hex')}`;
}

function listenAt(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', reject);
    // Exclusive: the primary of a cluster would listen for its workers, and outlive them.
    server.listen({ path, exclusive: true }, () => resolve(server.unref()));
  });
}
