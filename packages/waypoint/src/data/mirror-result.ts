/**
 * What came of a copy of a request: the class of its answer's status, also when the rest of the answer was not waited for, or
 * - `no_endpoint`, `unreachable`, `reset`: there was none, it took no connection, it gave up.
 * - `timeout`: no answer in time.
 * - `not_taken`: the endpoint did not take the content as fast as it came.
 * - `overflow`: too many copies are under way to the cluster.
 * - `abandoned`: the client broke its request off, or was answered before it had sent everything.
 */
export type MirrorResult =
  | '2xx'
  | '3xx'
  | '4xx'
  | '5xx'
  | 'abandoned'
  | 'no_endpoint'
  | 'not_taken'
  | 'overflow'
  | 'reset'
  | 'timeout'
  | 'unreachable';

const CLASSES: readonly MirrorResult[] = ['2xx', '3xx', '4xx', '5xx'];

/** That of an answer with this status; one that no standard knows counts as an error of the endpoint. */
export function resultOfStatus(status: number): MirrorResult {
  return CLASSES[Math.floor(status / 100) - 2] ?? '5xx';
}
