import { serveBare, serveKeyturn } from './servers.ts';

/**
 * One server in a process of its own, so that the load does not share its thread: `node bench/server.ts keyturn|inline|postgres|bare [body]`.
 * `inline`: Keyturn that commits its audit log on the thread that answers. Asked for `cpu`, it says how many microseconds it has used.
 */
const [kind, body = ''] = process.argv.slice(2);
const served = kind === 'bare' ? await serveBare(body) : await serveKeyturn(kind === 'inline' || kind === 'postgres' ? kind : 'thread');
process.send?.(served);
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.(user + system);
});
process.once('disconnect', () => process.exit(0));
