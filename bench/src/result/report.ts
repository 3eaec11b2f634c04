import { BASELINE, MEASURES, MEASURE_NAMES, type MeasureName } from './measures.ts';
import { halfRange, median } from './statistics.ts';

/** One value of one round. */
export interface Observation {
  readonly measure: MeasureName;
  readonly subject: string;
  readonly value: number;
}

export interface Row {
  readonly measure: MeasureName;
  readonly subject: string;
  readonly unit: string;
  readonly median: number;
  /** Half of the range over the rounds. */
  readonly spread: number;
  /** Median over the median of the subject `peer`; null when there is no peer. */
  readonly ratioToPeer: number | null;
  /** The value of each round. */
  readonly values: readonly number[];
}

const PEER = 'peer';

/** One row per measure and subject that was observed, in the order of `MEASURES`, subjects as they first appear. */
export function summarise(observations: readonly Observation[]): Row[] {
  const subjects = [...new Set(observations.map(({ subject }) => subject))];
  return MEASURE_NAMES.flatMap((measure) => {
    const valuesOf = (subject: string): number[] =>
      observations.filter((one) => one.measure === measure && one.subject === subject).map(({ value }) => value);
    const peer = median(valuesOf(PEER));
    return subjects.flatMap((subject) => {
      const values = valuesOf(subject);
      if (values.length === 0) return [];
      const middle = median(values);
      const ratioToPeer = Number.isFinite(peer) && peer !== 0 ? middle / peer : null;
      const { unit } = MEASURES[measure];
      return [{ measure, subject, unit, median: middle, spread: halfRange(values), ratioToPeer, values }];
    });
  });
}

/** The rows as a Markdown table, a column for each of `subjects` and one for each ratio to the peer. */
export function table(rows: readonly Row[], subjects: readonly string[]): string {
  const compared = subjects.filter(
    (subject) =>
      subject !== PEER &&
      subject !== BASELINE &&
      rows.some((row) => row.subject === subject && row.ratioToPeer !== null),
  );
  const head = ['measure', 'unit', ...subjects, ...compared.map((subject) => `${subject} / ${PEER}`)];
  const lines = MEASURE_NAMES.filter((name) => rows.some((row) => row.measure === name)).map((name) => {
    const find = (subject: string): Row | undefined =>
      rows.find((row) => row.measure === name && row.subject === subject);
    return [
      `\`${name}\``,
      MEASURES[name].unit,
      ...subjects.map((subject) => cell(find(subject))),
      ...compared.map((subject) => find(subject)?.ratioToPeer?.toFixed(2) ?? '-'),
    ];
  });
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

function cell(row: Row | undefined): string {
  return row === undefined ? '-' : `${short(row.median)} ± ${short(row.spread)}`;
}

function short(value: number): string {
  return value >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toPrecision(3);
}
