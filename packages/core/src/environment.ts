import { AmbitError } from './errors.ts';

/** One environment variable: how its text becomes a value, what holds when it is absent, and what it is for. */
export interface Variable<T> {
  readonly name: string;
  readonly about: string;
  readonly parse: (text: string) => T;
  readonly fallback: T;
}

/** A table of variables, keyed by the name of the configuration field. */
export type VariableTable = Readonly<Record<string, Variable<unknown>>>;

export type Configuration<Table extends VariableTable> = {
  readonly [Key in keyof Table]: Table[Key] extends Variable<infer T> ? T : never;
};

/** Reads every variable of the table once. Throws `AMBIT_CONFIG` that names all that are wrong. */
export function readEnvironment<Table extends VariableTable>(
  table: Table,
  environment: Readonly<Record<string, string | undefined>>,
): Configuration<Table> {
  const problems: string[] = [];
  const entries = Object.entries(table).map(([key, variable]) => {
    const text = environment[variable.name];
    if (text === undefined) return [key, variable.fallback];
    try {
      return [key, variable.parse(text)];
    } catch (error) {
      problems.push(
        `${variable.name}=${JSON.stringify(text)}: ${error instanceof Error ? error.message : String(error)}`,
      );
      return [key, variable.fallback];
    }
  });
  if (problems.length > 0) throw new AmbitError('AMBIT_CONFIG', problems.join('; '), { source: 'configuration' });
  return Object.freeze(Object.fromEntries(entries)) as Configuration<Table>;
}

export function text(name: string, fallback: string, about: string): Variable<string> {
  return { name, about, fallback, parse: (value) => value };
}

/** `true` or `false`, nothing else. */
export function flag(name: string, fallback: boolean, about: string): Variable<boolean> {
  return {
    name,
    about,
    fallback,
    parse: (value) => {
      if (value === 'true') return true;
      if (value === 'false') return false;
      throw new Error('must be true or false');
    },
  };
}

/** A whole number within limits. */
export function integer(
  name: string,
  fallback: number,
  limits: { min: number; max: number },
  about: string,
): Variable<number> {
  return {
    name,
    about,
    fallback,
    parse: (value) => {
      const number = Number(value);
      if (!/^-?[0-9]+$/.test(value) || number < limits.min || number > limits.max) {
        throw new Error(`must be a whole number from ${limits.min} to ${limits.max}`);
      }
      return number;
    },
  };
}

/** A duration such as `500ms`, `10s`, `5m`, `24h`, in milliseconds. */
export function duration(name: string, fallback: number, about: string): Variable<number> {
  return { name, about, fallback, parse: parseDuration };
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds of `500ms`, `10s`, `5m`, `24h`. Throws a plain Error otherwise. */
function parseDuration(value: string): number {
  const match = /^([0-9]{1,9})(ms|s|m|h)$/.exec(value);
  if (match === null) throw new Error('must be a duration such as 500ms, 10s, 5m or 24h');
  return Number(match[1]) * (UNITS[match[2] ?? ''] ?? Number.NaN);
}
