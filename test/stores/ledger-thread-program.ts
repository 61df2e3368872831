import { ledgerOnThread } from '../../src/stores/ledger-thread.ts';

/** Commits to an audit thread that dies of it, and tells what it hears. */
process.on('uncaughtException', (error) => {
  const cause = error.cause instanceof Error ? error.cause.message : '';
  process.stdout.write(`uncaught: ${error.message} ${cause}\n`);
  process.exit(70);
});
const ledger = await ledgerOnThread(new URL('./dying-ledger.ts', import.meta.url), null);
ledger.commit({ texts: ['[1]'], leases: [], changes: [], at: 1 }, (failure) => process.stdout.write(`commit: ${failure?.message}\n`));
setInterval(() => undefined, 1_000);
