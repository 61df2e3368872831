import type { Order } from './server-process.ts';
import { type Running, serveBare, serveKeyturn } from './servers.ts';

/** `node bench/server.ts keyturn|postgres FOLDER` or `bare BODY`: serves, and does what its parent tells it. */
const [kind, argument = ''] = process.argv.slice(2);
const running: Running =
  kind === 'bare' ? await serveBare(argument) : await serveKeyturn(argument, kind === 'postgres' ? 'postgres' : 'sqlite');

async function perform(order: Order): Promise<unknown> {
  switch (order.do) {
    case 'usage': {
      const { user, system } = process.cpuUsage();
      return { cpuMicros: user + system, residentBytes: process.memoryUsage.rss() };
    }
    case 'sweep': {
      const began = performance.now();
      await running.sweep();
      return performance.now() - began;
    }
    case 'jump':
      await running.jump(order.millis);
      return null;
  }
}

process.on('message', (order: Order) => void perform(order).then((reply) => process.send?.(reply)));
process.once('disconnect', () => process.exit(0));
process.send?.({ url: running.url, headers: running.headers });
