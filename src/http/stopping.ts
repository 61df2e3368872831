import type { FastifyInstance } from 'fastify';
import { KeyturnError } from '../core/errors.ts';

/** Once the service stops, what still arrives on open connections is sent elsewhere; what is under way is finished. */
export function refuseWhenStopping(app: FastifyInstance): void {
  let refusal: KeyturnError | undefined;
  app.addHook('preClose', (done) => {
    refusal = new KeyturnError(
      'shutting_down',
      'The service is stopping. Try again: another replica, or this one once it is back, answers.',
      {
        retryAfterSeconds: 1,
      },
    );
    done();
  });
  app.addHook('onRequest', (_request, _reply, done) => done(refusal));
}
