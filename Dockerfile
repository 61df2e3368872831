# syntax=docker/dockerfile:1
# Two stages: the first fetches the dependencies with npm, the second has neither npm's cache nor a shell script of ours.
FROM node:24-alpine AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts && npm cache clean --force

FROM node:24-alpine
# npm is not needed to run, and what is not there cannot be abused.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /opt/yarn* \
  && mkdir /data && chown node:node /data && chmod 700 /data
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json LICENSE keyturn.example.yaml ./
COPY src ./src
# keyturn exec and keyturn agent stand on the client
COPY clients/node/src ./clients/node/src
RUN ln -s /app/src/main.ts /usr/local/bin/keyturn && chmod 755 src/main.ts

ENV NODE_ENV=production KEYTURN_HOST=0.0.0.0 KEYTURN_DATA_DIR=/data
USER node
VOLUME /data
EXPOSE 8460
# Runs with a read-only root file system (docker run --read-only): everything that is written is in /data.
# It asks for three seconds at most; the rest is for Node to start.
HEALTHCHECK --interval=30s --timeout=10s --start-period=10s CMD ["node", "/app/src/main.ts", "health"]
# the same options as in `npm start` (docs/operations.md says why)
ENTRYPOINT ["node", "--min-semi-space-size=32", "--max-semi-space-size=32", "/app/src/main.ts"]
CMD ["serve"]
