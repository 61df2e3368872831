import { connect, createServer, type Server } from 'node:net';

/** A line on which each packet to the service takes up to so many milliseconds: who asks through it polls late. */
export class SlowLine {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async open(port: number, to: number, slowest: number): Promise<SlowLine> {
    const server = createServer((near) => {
      const far = connect(to, '127.0.0.1');
      const drop = (): void => void [near.destroy(), far.destroy()];
      near.on('data', (data) => {
        near.pause();
        setTimeout(() => {
          far.write(data);
          near.resume();
        }, Math.random() * slowest);
      });
      far.pipe(near);
      for (const end of [near, far]) end.once('error', drop).once('close', drop);
    });
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    return new SlowLine(server.unref());
  }

  close(): void {
    this.#server.close();
  }
}
