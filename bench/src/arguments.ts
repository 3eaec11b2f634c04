import { parseArgs } from 'node:util';
import { AmbitError } from '@ambit/core/errors';

export interface BenchArguments {
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** The stock ztunnel's binary. */
  readonly peer: string | undefined;
  /** Where the JSON report goes. */
  readonly json: string | undefined;
  readonly subjects: readonly string[];
}

/** In the order in which they run in even rounds. */
const DEFAULT_SUBJECTS = ['direct', 'ambit'];
export const ALL_SUBJECTS: readonly string[] = ['direct', 'ambit', 'peer', 'hbone-relay', 'http2-relay'];

export const USAGE: string = [
  'npm run bench -- l4 [options]',
  '  --peer PATH       the stock ztunnel to measure beside (or AMBIT_PEER_ZTUNNEL)',
  '  --json FILE       write {conditions, rows} there',
  '  --rounds N        interleaved rounds (default 5)',
  `  --subjects LIST   of ${ALL_SUBJECTS.join(',')} (default direct,ambit and peer when there is one)`,
  '  --warm-up MS      load before each window (default 600)',
  '  --measure MS      length of each window (default 2000)',
].join('\n');

/** Throws `AMBIT_BENCH_ARGUMENTS` with what is wrong. */
export function parseBenchArguments(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): BenchArguments {
  const { values, positionals } = parse(argv);
  if (positionals.length !== 1 || positionals[0] !== 'l4') throw wrong('name one benchmark: l4');
  const fromEnvironment = environment['AMBIT_PEER_ZTUNNEL'];
  const peer = values.peer ?? (fromEnvironment === '' ? undefined : fromEnvironment);
  const subjects = values.subjects?.split(',') ?? [...DEFAULT_SUBJECTS, ...(peer === undefined ? [] : ['peer'])];
  const unknown = subjects.filter((subject) => !ALL_SUBJECTS.includes(subject));
  if (unknown.length > 0) throw wrong(`unknown subject ${unknown.join(', ')}`);
  if (subjects.includes('peer') && peer === undefined) throw wrong('the subject peer needs --peer PATH');
  return {
    rounds: whole('--rounds', values.rounds),
    warmUpMs: whole('--warm-up', values['warm-up']),
    measureMs: whole('--measure', values.measure),
    peer,
    json: values.json,
    subjects,
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        peer: { type: 'string' },
        json: { type: 'string' },
        rounds: { type: 'string', default: '5' },
        subjects: { type: 'string' },
        'warm-up': { type: 'string', default: '600' },
        measure: { type: 'string', default: '2000' },
      },
    });
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
}

function whole(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw wrong(`${name} ${text}: must be a whole number from 1`);
  return number;
}

function wrong(problem: string): AmbitError {
  return new AmbitError('AMBIT_BENCH_ARGUMENTS', problem, { source: 'configuration' });
}
