import fastify from 'fastify';
import { answer, routes } from './site.js';

const app = fastify();
app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
  done(null, Object.fromEntries(new URLSearchParams(body))),
);
for (const { method, path, act } of routes) {
  app[method](path, async (request, reply) => {
    const { status, body, headers } = await answer(act, request.raw, reply.raw, { ...request.query, ...request.body });
    return reply.code(status).headers(headers).send(body);
  });
}
await app.listen({ port: Number(process.env.PORT), host: '127.0.0.1' });
