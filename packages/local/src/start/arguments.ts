import { AmbitError } from '@ambit/core/errors';

/** What `npm start -- …` was asked for. */
export interface StartArguments {
  /** Directory with manifests to run in place of the shop's; it is read where it is and never written. */
  readonly manifests: string | undefined;
  /** Run the checks, then end. */
  readonly check: boolean;
  /** Run the long form of the checks that have one (minutes instead of seconds). */
  readonly full: boolean;
  /** Only checks whose name contains this text. */
  readonly only: string | undefined;
  /** File that receives the results of the checks. */
  readonly json: string | undefined;
  /** Print the usage and end. */
  readonly help: boolean;
}

export const USAGE = `npm start [-- [DIRECTORY] [OPTIONS]]

Runs the mesh on this machine: two nodes, the sample shop (or the manifests of DIRECTORY) and live traffic.

  --check       run the checks and end; exit code 1 when one fails
  --full        with --check: the long form of every check
  --only TEXT   with --check: only checks whose name contains TEXT
  --json FILE   with --check: write the results to FILE
  --help        this text
`;

/** Reads the command line. Throws `AMBIT_USAGE` that names what is wrong. */
export function parseArguments(words: readonly string[]): StartArguments {
  const found: { -readonly [Key in keyof StartArguments]: StartArguments[Key] } = {
    manifests: undefined,
    check: false,
    full: false,
    only: undefined,
    json: undefined,
    help: false,
  };
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    switch (word) {
      case '--check':
      case '--full':
      case '--help':
        found[word.slice(2) as 'check' | 'full' | 'help'] = true;
        break;
      case '--json':
      case '--only': {
        const value = rest.shift();
        if (value === undefined) throw usageError(`${word} needs a value`);
        found[word.slice(2) as 'json' | 'only'] = value;
        break;
      }
      default:
        if (word.startsWith('-')) throw usageError(`there is no option ${word}`);
        if (found.manifests !== undefined) throw usageError(`one directory at most, not also ${word}`);
        found.manifests = word;
    }
  }
  if (!found.check && (found.full || found.only !== undefined || found.json !== undefined)) {
    throw usageError('--full, --only and --json belong to --check');
  }
  return found;
}

function usageError(message: string): AmbitError {
  return new AmbitError('AMBIT_USAGE', `${message} (see npm start -- --help)`, { source: 'configuration' });
}
