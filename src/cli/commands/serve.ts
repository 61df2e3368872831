import type { Command } from 'commander';
import type { Session } from '../session.ts';
import { examples } from './shared.ts';

export function addServe(program: Command, session: Session): void {
  program
    .command('serve')
    .summary('run the service')
    .description(
      'Run the service until it is told to stop (Ctrl-C, SIGTERM). It listens on KEYTURN_HOST and KEYTURN_PORT (127.0.0.1:8460), keeps ' +
        'its data in KEYTURN_DATA_DIR (./data) and reads KEYTURN_CONFIG (keyturn.yaml) where there is one.',
    )
    .addHelpText('after', examples(['keyturn serve'], ['KEYTURN_PORT=9000 keyturn serve']))
    .action(() => session.serve());
}
