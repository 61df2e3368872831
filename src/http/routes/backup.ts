import { Readable } from 'node:stream';
import type { HttpDeps } from '../deps.ts';
import { problems, written } from '../schemas/responses.ts';
import type { Scope } from '../scope.ts';

const schema = {
  operationId: 'makeBackup',
  summary: 'An encrypted copy of everything, as of one moment',
  description:
    'Encrypted to the recipient of the configuration: neither the caller nor the service can read it. Only the recovery key opens it.',
  tags: ['operations'],
  response: written({
    200: {
      description: 'The backup.',
      content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary', examples: ['keyturn backup v1\n…'] } } },
    },
    ...problems('backup_not_configured', 'store_full', 'store_read_only'),
  }),
} as const;

export function backupRoute(app: Scope, { backup }: HttpDeps): void {
  app.post('/v1/backup', { schema, config: { access: ['admin'], audit: 'backup.make' } }, async (_request, reply) => {
    const stream = Readable.from(await backup(), { objectMode: false });
    return reply.header('Cache-Control', 'no-store').type('application/octet-stream').send(stream);
  });
}
