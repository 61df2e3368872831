import express from 'express';
import { answer, routes } from './site.js';

const app = express();
app.use(express.urlencoded({ extended: false }));
for (const { method, path, act } of routes) {
  app[method](path, async (request, response) => {
    const { status, body, headers } = await answer(act, request, response, { ...request.query, ...request.body });
    response.status(status).set(headers).json(body);
  });
}
app.listen(Number(process.env.PORT), '127.0.0.1');
