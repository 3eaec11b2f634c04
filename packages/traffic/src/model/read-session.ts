import type { SessionPersistence as Message } from '@ambit/proto/waypoint';
import { cookieAttributeProblem, cookieNameProblem } from '../cookies/cookies.ts';
import { changedHeaderProblem } from '../filters/changed-header.ts';
import { MAX_DEADLINE_MS } from '../limits.ts';
import type { Problems } from './problems.ts';
import type { SessionPersistence } from './served-service.ts';

export function readSession(
  message: Message | undefined,
  field: string,
  problems: Problems,
): SessionPersistence | null {
  if (message === undefined) return null;
  const { name, inHeader, path, permanent } = message;
  const [absoluteTimeoutS, idleTimeoutS] = [timeOf(message.absoluteTimeoutS), timeOf(message.idleTimeoutS)];
  const ofName = inHeader ? changedHeaderProblem(name, false) : cookieNameProblem(name);
  if (ofName !== undefined) problems.add(`${field}.name`, ofName);
  const ofPath = cookieAttributeProblem(path);
  if (ofPath !== undefined) problems.add(`${field}.path`, ofPath);
  if (permanent && absoluteTimeoutS === 0) problems.add(`${field}.permanent`, 'is set without absolute_timeout_s');
  return { kind: inHeader ? 'header' : 'cookie', name, path, permanent, absoluteTimeoutS, idleTimeoutS };
}

function timeOf(seconds: bigint): number {
  return Math.min(Number(seconds), MAX_DEADLINE_MS);
}
