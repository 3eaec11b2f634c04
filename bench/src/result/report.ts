import { BASELINE, type Measure, type Measures } from './measure.ts';
import { halfRange, median } from './statistics.ts';

/** One value of one round. */
export interface Observation {
  readonly measure: string;
  readonly subject: string;
  readonly value: number;
}

export interface Row {
  readonly measure: string;
  readonly subject: string;
  readonly unit: string;
  readonly median: number;
  /** Half of the range over the rounds. */
  readonly spread: number;
  /** Median over the median of the peer; null when there is no peer. */
  readonly ratioToPeer: number | null;
  /** The value of each round. */
  readonly values: readonly number[];
}

/** What is measured, and the subject that the others are compared with. */
export interface Comparison {
  readonly measures: Measures;
  readonly peer: string;
}

/** The subject whose goals are shown. */
const OURS = 'ambit';

/** One row per measure and subject that was observed, in the order of the measures, subjects as they first appear. */
export function summarise({ measures, peer }: Comparison, observations: readonly Observation[]): Row[] {
  const subjects = [...new Set(observations.map(({ subject }) => subject))];
  return Object.entries(measures).flatMap(([measure, { unit }]) => {
    const valuesOf = (subject: string): number[] =>
      observations.filter((one) => one.measure === measure && one.subject === subject).map(({ value }) => value);
    const reference = median(valuesOf(peer));
    return subjects.flatMap((subject) => {
      const values = valuesOf(subject);
      if (values.length === 0) return [];
      const middle = median(values);
      const ratioToPeer = Number.isFinite(reference) && reference !== 0 ? middle / reference : null;
      return [{ measure, subject, unit, median: middle, spread: halfRange(values), ratioToPeer, values }];
    });
  });
}

/** The rows as a Markdown table: a column for each of `subjects`, one for each ratio to the peer, and the goals when ours is there. */
export function table({ measures, peer }: Comparison, rows: readonly Row[], subjects: readonly string[]): string {
  const compared = subjects.filter(
    (subject) =>
      subject !== peer &&
      subject !== BASELINE &&
      rows.some((row) => row.subject === subject && row.ratioToPeer !== null),
  );
  const goals = subjects.includes(OURS);
  const head = [
    'measure',
    'unit',
    ...subjects,
    ...compared.map((subject) => `${subject} / ${peer}`),
    ...(goals ? ['goal'] : []),
  ];
  const lines = Object.entries(measures)
    .filter(([name]) => rows.some((row) => row.measure === name))
    .map(([name, measure]) => {
      const find = (subject: string): Row | undefined =>
        rows.find((row) => row.measure === name && row.subject === subject);
      return [
        `\`${name}\``,
        measure.unit,
        ...subjects.map((subject) => cell(find(subject))),
        ...compared.map((subject) => find(subject)?.ratioToPeer?.toFixed(2) ?? '-'),
        ...(goals ? [verdict(measure, find(OURS))] : []),
      ];
    });
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/** The goal in words, and whether it is missed. */
function verdict({ better, goal, unit }: Measure, row: Row | undefined): string {
  if (goal === undefined) return '-';
  const text = `${better === 'lower' ? '<=' : '>='} ${goal.of === 'ratio' ? goal.limit.toFixed(2) : `${goal.limit} ${unit}`}`;
  const reached = goal.of === 'ratio' ? row?.ratioToPeer : row?.median;
  if (reached === undefined || reached === null) return text;
  const met = better === 'lower' ? reached <= goal.limit : reached >= goal.limit;
  return met ? text : `${text}, **missed**`;
}

function cell(row: Row | undefined): string {
  return row === undefined ? '-' : `${short(row.median)} ± ${short(row.spread)}`;
}

function short(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}
