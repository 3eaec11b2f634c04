// A pod's first deed: it dials at its first instruction and again every 10 ms until it is answered, and says how long that took.
import { connect } from 'node:net';

const [host = '', port = ''] = process.argv.slice(2);
const AGAIN_AFTER = 10;
const PATIENCE = 30_000;

/** What a pod prints, milliseconds since the epoch. */
export interface FirstRequest {
  readonly startedAt: number;
  readonly answeredAt: number | undefined;
  /** What became of the attempts before. */
  readonly failures: readonly string[];
}

const startedAt = Date.now();
const failures: string[] = [];

function attempt(): void {
  const socket = connect({ host, port: Number(port), noDelay: true });
  let over = false;
  const failed = (why: string): void => {
    if (over) return;
    over = true;
    socket.destroy();
    failures.push(why);
    if (Date.now() - startedAt > PATIENCE) tell(undefined);
    else setTimeout(attempt, AGAIN_AFTER);
  };
  socket.on('error', (error: NodeJS.ErrnoException) => failed(error.code ?? error.message));
  socket.on('end', () => failed('end'));
  socket.on('data', () => {
    if (over) return;
    over = true;
    socket.destroy();
    tell(Date.now());
  });
}

function tell(answeredAt: number | undefined): void {
  process.stdout.write(`${JSON.stringify({ startedAt, answeredAt, failures } satisfies FirstRequest)}\n`);
  // The pod stays, so that its log does.
  setInterval(() => undefined, 1_000_000);
}

attempt();
