import { serveBare, serveKeyturn } from './servers.ts';

/** One server in a process of its own, so that the load does not share its thread: `node bench/server.ts keyturn|bare [body]`. */
const served = process.argv[2] === 'keyturn' ? await serveKeyturn() : await serveBare(process.argv[3] ?? '');
process.send?.(served);
process.once('disconnect', () => process.exit(0));
