import { parseArgs } from 'node:util';
import { AmbitError } from '@ambit/core/errors';

export type BenchmarkName = 'l4' | 'l7';

/** What a waypoint does: routes with retries and an access log, or policies, tokens, limits, outlier detection and traces as well. */
export type Features = 'all' | 'routes';

export interface BenchArguments {
  readonly benchmark: BenchmarkName;
  readonly rounds: number;
  readonly warmUpMs: number;
  readonly measureMs: number;
  /** Milliseconds to wait for a quiet machine before each window. */
  readonly patienceMs: number;
  /** The binary to measure beside: the stock ztunnel, or Envoy. */
  readonly peer: string | undefined;
  /** Where the JSON report goes. */
  readonly json: string | undefined;
  readonly subjects: readonly string[];
  /** Of l7; undefined for l4. */
  readonly features: Features | undefined;
}

interface Benchmark {
  /** The subject that is another's program. */
  readonly peer: string;
  /** Name of the option with that program's path, and the variable that stands in for it. */
  readonly option: 'envoy' | 'peer';
  readonly variable: string;
  readonly subjects: readonly string[];
  /** Without the peer; in the order in which they run in even rounds. */
  readonly defaults: readonly string[];
}

export const BENCHMARKS: Readonly<Record<BenchmarkName, Benchmark>> = {
  l4: {
    peer: 'peer',
    option: 'peer',
    variable: 'AMBIT_PEER_ZTUNNEL',
    subjects: ['direct', 'ambit', 'peer', 'hbone-relay', 'http2-relay'],
    defaults: ['direct', 'ambit'],
  },
  l7: {
    peer: 'envoy',
    option: 'envoy',
    variable: 'AMBIT_PEER_ENVOY',
    subjects: ['direct', 'ambit', 'envoy'],
    defaults: ['direct', 'ambit'],
  },
};

export const USAGE: string = [
  'npm run bench -- l4|l7 [options]',
  '  l4: the proxies of two nodes; l7: a waypoint between tunnels',
  '  --peer PATH       l4: the stock ztunnel to measure beside (or AMBIT_PEER_ZTUNNEL)',
  '  --envoy PATH      l7: the Envoy to measure beside (or AMBIT_PEER_ENVOY)',
  '  --json FILE       write {conditions, rows} there',
  '  --rounds N        interleaved rounds (default 5)',
  ...Object.entries(BENCHMARKS).map(
    ([name, { defaults, peer, subjects }]) =>
      `  --subjects LIST   ${name}: of ${subjects.join(',')} (default ${defaults.join(',')}, and ${peer} when there is one)`,
  ),
  '  --features WHAT   l7: all or routes (default all)',
  '  --warm-up MS      load before each window (default 600)',
  '  --measure MS      length of each window (default 2000)',
  '  --patience MS     longest wait for a quiet machine before each window (default 10000)',
].join('\n');

/** Throws `AMBIT_BENCH_ARGUMENTS` with what is wrong. */
export function parseBenchArguments(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): BenchArguments {
  const { values, positionals } = parse(argv);
  const [benchmark] = positionals;
  if (positionals.length !== 1 || (benchmark !== 'l4' && benchmark !== 'l7'))
    throw wrong('name one benchmark: l4 or l7');
  const { defaults, option, peer: peerSubject, subjects: known, variable } = BENCHMARKS[benchmark];
  for (const other of ['peer', 'envoy'] as const) {
    if (other !== option && values[other] !== undefined) throw wrong(`--${other} is no option of ${benchmark}`);
  }
  const fromEnvironment = environment[variable];
  const peer = values[option] ?? (fromEnvironment === '' ? undefined : fromEnvironment);
  const subjects = values.subjects?.split(',') ?? [...defaults, ...(peer === undefined ? [] : [peerSubject])];
  const unknown = subjects.filter((subject) => !known.includes(subject));
  if (unknown.length > 0) throw wrong(`unknown subject ${unknown.join(', ')}`);
  if (subjects.includes(peerSubject) && peer === undefined)
    throw wrong(`the subject ${peerSubject} needs --${option} PATH`);
  return {
    benchmark,
    rounds: whole('--rounds', values.rounds),
    warmUpMs: whole('--warm-up', values['warm-up']),
    measureMs: whole('--measure', values.measure),
    patienceMs: whole('--patience', values.patience),
    peer,
    json: values.json,
    subjects,
    features: featuresOf(benchmark, values.features),
  };
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        peer: { type: 'string' },
        envoy: { type: 'string' },
        json: { type: 'string' },
        rounds: { type: 'string', default: '5' },
        subjects: { type: 'string' },
        features: { type: 'string' },
        'warm-up': { type: 'string', default: '600' },
        measure: { type: 'string', default: '2000' },
        patience: { type: 'string', default: '10000' },
      },
    });
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
}

function featuresOf(benchmark: BenchmarkName, text: string | undefined): Features | undefined {
  if (benchmark === 'l4') {
    if (text !== undefined) throw wrong('--features is no option of l4');
    return undefined;
  }
  if (text !== undefined && text !== 'all' && text !== 'routes')
    throw wrong(`--features ${text}: must be all or routes`);
  return text ?? 'all';
}

function whole(name: string, text: string): number {
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) throw wrong(`${name} ${text}: must be a whole number from 1`);
  return number;
}

function wrong(problem: string): AmbitError {
  return new AmbitError('AMBIT_BENCH_ARGUMENTS', problem, { source: 'configuration' });
}
