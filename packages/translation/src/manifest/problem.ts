import { MAX_QUOTED_CHARACTERS } from '../limits.ts';

/** A place in a file; both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The position of what was not written in a file. */
export const NOWHERE: Position = { line: 0, column: 0 };

/** Why a manifest is refused. */
export interface ManifestProblem {
  /** Empty for an object that does not come from a file. */
  readonly file: string;
  readonly position: Position;
  /** `Kind namespace/name` as far as it could be read; empty when the text is not an object at all. */
  readonly object: string;
  /** `spec.ports[0].port`; empty for the object as a whole. */
  readonly path: string;
  /** What is wrong. */
  readonly message: string;
  /** What probably led to it, or what would be right. */
  readonly cause?: string;
}

/** One line without control characters: `shop.yaml:14:9: Service shop/web: spec.ports[0].port: 70000 is no port (…)`. */
export function formatProblem(problem: ManifestProblem): string {
  const parts = [
    problem.file === '' ? '' : `${printable(problem.file)}:${problem.position.line}:${problem.position.column}`,
    problem.object,
    problem.path,
    problem.cause === undefined ? problem.message : `${problem.message} (${problem.cause})`,
  ];
  return parts.filter((part) => part !== '').join(': ');
}

/** Foreign text inside a message: quoted, control characters escaped, cut to a readable length. */
export function quoted(text: string): string {
  const cut = text.length > MAX_QUOTED_CHARACTERS ? `${text.slice(0, MAX_QUOTED_CHARACTERS)}…` : text;
  return escapeControls(JSON.stringify(cut));
}

/** Foreign text as it is where nothing in it could disturb a terminal or a log line, else quoted. */
export function printable(text: string): string {
  return /^[\w./@:+ -]{1,255}$/.test(text) ? text : quoted(text);
}

/** Foreign text on one line without quotes, for messages of libraries. */
export function singleLine(text: string): string {
  return quoted(text).slice(1, -1);
}

/** JSON leaves C1 controls, bidirectional marks and line separators as they are. */
function escapeControls(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
